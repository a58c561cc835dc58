import { ChannelError } from '../errors.js'
import { copyOf, given, isBytes, lengthOf } from '../keys/given.js'
import { checkKeyPair, copyKeyPair, type KeyPair } from '../keys/pair.js'
import { checkPublicKey } from '../keys/text.js'
import type { Core } from '../wasm/instance.js'
import {
  KEYS_MOST,
  OPTION_IGNORE_STRANGERS_1,
  OPTION_IGNORE_STRANGERS_2,
  OPTION_MIDDLEBOX_KEY,
  OPTION_SERVER_KEY,
  OPTION_WASM_ONLY,
  ROLE_CLIENT,
  ROLE_SERVER,
  SERVES_1,
  SERVES_2,
} from '../wire/abi.js'
import {
  RECORD_LIMIT_1,
  RECORD_LIMIT_2,
  RECORD_MAX_1,
  RECORD_MAX_2,
  RECORD_PADDED_2,
  REKEY_BYTES,
} from '../wire/stream.js'
import {
  badOption,
  type Check,
  checkInteger,
  integer,
  listOf,
  method,
  missing,
  type OptionTable,
  oneOf,
  snapshot,
  yesOrNo,
} from './snapshot.js'

import type { WireBytes } from './wire-tap.js'

export { badOption, checkInteger } from './snapshot.js'

/** The protocol’s version. */
export type Version = 1 | 2

/** `block`: every record’s length on the wire is a multiple of so many bytes. `full`: all records are equally long. */
export type Padding = 'none' | { block: number } | 'full'

/** What both ends of a channel can say, whatever carries it. */
export interface EngineOptions {
  /**
   * Bytes that both ends must agree on: a protocol's name, or a network's secret of 32 bytes. At most 1 MiB; by default none. Version 1
   * knows no context: where it is used or served, a context is refused.
   */
  context?: Uint8Array | string
  /** Default `none`. */
  padding?: Padding
  /** The longest record to write, in bytes on the wire: default 65,361, and 16,405 with `full` padding; in version 1 8,192. */
  maxRecord?: number
  /** Turn the key over after so many bytes: at most, and by default, 2^30. */
  rekeyAfter?: number
  /** Whether the platform's own cryptographic primitives may be used, where it has some: default true. */
  native?: boolean
  /** Version 1: take a plain close for the end, as the published program sends no other. Data may have been cut off unseen. */
  allowTruncation?: boolean
  /** Key log, for looking at captured bytes: gets two lines a connection, which open all of its records. */
  onKeys?: (line: string) => void
  /**
   * Sees the bytes as they go and come, on their way into the core and out of it. It must not call the channel; what it throws is reported
   * as an exception that nobody has caught.
   */
  onWire?: (wire: WireBytes) => void
}

interface ClientOnly extends EngineOptions {
  keyPair: KeyPair
  /** Default 2. Version 1 does not prove to the client whom it talks to: see docs/protocol.md. */
  version?: Version
  /** The public key of the middlebox that is to route the hello. */
  middleboxKey?: Uint8Array
}

/** Which server a client talks to. */
interface ServerKeys {
  /**
   * The server's public key: another one is refused. `'any'` talks to whoever answers, someone in the middle included, and reports the
   * key that they prove: look at it before anything is sent.
   */
  serverKey: Uint8Array | 'any'
  /**
   * Up to eight keys of one server, which is changing from one to another: any of them is accepted, and each other refused. The server is
   * asked for `serverKey`, if that is given too and is one of them, or for the first.
   */
  serverKeys: readonly Uint8Array[]
}

/** What the connecting end is told. */
export type ClientEngineOptions = ClientOnly & OneOrMore<ServerKeys>

/** A server’s own keys. */
interface OwnKeys {
  /** What clients know it by. Beside `keyPairs`: the one that is shown to those who ask for none. */
  keyPair: KeyPair
  /**
   * Up to eight keys, such as the next one and the old one: a client gets the proof of the one that it asks for. `keyPair` counts among
   * them. Several imply `strangers: 'ignore'`, unless there is a `keyPair`. Each costs a multiplication for every hello.
   */
  keyPairs: readonly KeyPair[]
}

/** An object with one of these at least. */
type OneOrMore<T> = { [K in keyof T]: Required<Pick<T, K>> & Partial<Omit<T, K>> }[keyof T]

/** What the answering end is told. */
export type ServerEngineOptions = ServerOnly & OneOrMore<OwnKeys>

interface ServerOnly extends EngineOptions {
  /** The versions served: default [2]. */
  versions?: Version[]
  /**
   * Whether a hello is answered that is not addressed to this server's key: its client has not pinned that key, or addresses a middlebox.
   * What is given holds for both versions. By default, version 2 answers, and version 1 ignores: with 'answer', whoever can reach this
   * server can enter other version 1 servers under its key (docs/protocol.md, "What version 1 does not give"). A server with several
   * `keyPairs` answers nobody whose hello does not say which it wants, unless a `keyPair` is named beside them.
   */
  strangers?: 'answer' | 'ignore'
}

/** Options found sound, in the core's terms. */
export interface Setup {
  role: number
  versions: number
  flags: number
  /** The first is what is shown to those who ask for none. */
  keyPairs: readonly KeyPair[]
  /** Those accepted, the first of them asked for; none: whoever answers. */
  serverKeys: readonly Uint8Array[]
  middleboxKey: Uint8Array | undefined
  context: Uint8Array
  options: Readonly<EngineOptions>
}

/** @throws ChannelError USE_BAD_KEY or USE_BAD_OPTION */
export function clientSetup(core: Core, asked: ClientEngineOptions): Setup {
  const options = snapshot<ClientEngineOptions>(CLIENT_OPTIONS, asked)
  const { middleboxKey } = options
  const serverKeys = pinnedKeys(options)
  const setup = commonSetup(options, [checkKeyPair(core, options.keyPair)], ROLE_CLIENT, [options.version ?? 2])
  if (serverKeys.length > 0) setup.flags |= OPTION_SERVER_KEY
  if (middleboxKey) setup.flags |= OPTION_MIDDLEBOX_KEY
  return { ...setup, serverKeys, middleboxKey }
}

/** @throws ChannelError USE_BAD_OPTION unless it is said whom to talk to */
export function checkPinned<T extends Partial<ServerKeys>>(options: T): T {
  pinnedKeys(options)
  return options
}

/** The keys that are accepted; none for `'any'`. */
function pinnedKeys({ serverKey, serverKeys }: Partial<ServerKeys>): readonly Uint8Array[] {
  if (!serverKeys) {
    if (serverKey === undefined) throw missing('serverKey', SERVER_KEY)
    return serverKey === 'any' ? [] : [serverKey]
  }
  const keys = distinct(serverKeys, it => it)
  if (serverKey === undefined) return keys
  const asked = keys.find(it => String(it) === String(serverKey))
  if (asked) return distinct([asked, ...keys], it => it)
  const reason =
    serverKey === 'any' ? "serverKey is 'any', and there are serverKeys" : 'serverKey is none of serverKeys'
  throw new ChannelError('USE_BAD_OPTION', reason, { next: 'leave it out, or give the one that is to be asked for' })
}

/** By their public keys: the first of those that are equal. */
function distinct<T>(all: readonly T[], keyOf: (it: T) => Uint8Array): T[] {
  const seen = new Set<string>()
  return all.filter(it => {
    const key = String(keyOf(it))
    const isNew = !seen.has(key)
    seen.add(key)
    return isNew
  })
}

/** @throws ChannelError USE_BAD_KEY or USE_BAD_OPTION */
export function serverSetup(core: Core, asked: ServerEngineOptions): Setup {
  const options = snapshot<ServerEngineOptions>(SERVER_OPTIONS, asked)
  const setup = setups.get(options) ?? setUpServer(core, options)
  setups.set(options, setup)
  return setup
}

/** By the snapshots that they were made of, which never change: a server makes one for all of its clients. */
const setups = new WeakMap<object, Setup>()

function setUpServer(core: Core, options: Readonly<ServerEngineOptions>): Setup {
  const { keyPair, keyPairs = [] } = options
  const all = (keyPair || keyPairs.length === 0 ? [keyPair, ...keyPairs] : keyPairs).map(it => checkKeyPair(core, it))
  const own = distinct(all, it => it.publicKey)
  // Who asks for no key would be shown one that the order happens to name.
  const unnamed = own.length > 1 && !keyPair
  if (unnamed && options.strangers === 'answer') throw noDefault()
  const setup = commonSetup(options, own, ROLE_SERVER, options.versions ?? [2])
  if (options.strangers !== 'answer') setup.flags |= OPTION_IGNORE_STRANGERS_1
  if (options.strangers === 'ignore' || unnamed) setup.flags |= OPTION_IGNORE_STRANGERS_2
  return setup
}

/** How the writer shapes records in the version that was agreed on: its limit, block and rekey interval, in bytes. */
export function shapeOf(
  options: EngineOptions,
  version: Version,
): { limit: number; block: number; rekeyAfter: number } {
  const padding = options.padding ?? 'none'
  const longest = version === 1 ? RECORD_MAX_1 : RECORD_MAX_2
  const usual = version === 1 ? RECORD_LIMIT_1 : padding === 'full' ? RECORD_PADDED_2 : RECORD_LIMIT_2
  const limit = Math.min(options.maxRecord ?? usual, longest)
  const block = padding === 'none' ? 0 : padding === 'full' ? limit : padding.block
  return { limit, block, rekeyAfter: options.rekeyAfter ?? REKEY_BYTES }
}

/**
 * A text, or bytes, as bytes that nobody else has. A lone surrogate has no UTF-8 of its own: many texts would be the same bytes.
 * @throws ChannelError USE_BAD_OPTION for anything else, and beyond `limit`
 */
export function checkText(name: string, value: unknown, limit = CONTEXT_BYTES): Uint8Array {
  if (typeof value === 'string') {
    if (/\p{Surrogate}/u.test(value)) throw badOption(name, value, 'a text without lone surrogates')
    return checkText(name, new TextEncoder().encode(value), limit)
  }
  if (!isBytes(value)) throw badOption(name, value, 'a string or a Uint8Array')
  if (lengthOf(value) > limit) throw badOption(`${name}, in bytes,`, lengthOf(value), `at most ${limit}`)
  return copyOf(value)
}

function commonSetup(
  options: EngineOptions,
  keyPairs: readonly KeyPair[],
  role: number,
  versions: readonly Version[],
): Setup {
  const { padding, maxRecord = RECORD_LIMIT_1, context = NONE } = options
  if (typeof padding === 'object') checkInteger('padding.block', padding.block, 1, Math.min(maxRecord, RECORD_LIMIT_1))
  if (context.length > 0 && versions.includes(1)) throw badContext()
  return {
    role,
    versions: versions.reduce<number>((served, it) => served | (it === 1 ? SERVES_1 : SERVES_2), 0),
    flags: options.native === false ? OPTION_WASM_ONLY : 0,
    keyPairs,
    serverKeys: [],
    middleboxKey: undefined,
    context: context as Uint8Array,
    options,
  }
}

const checkVersion = oneOf(1, 2)

const checkPadding: Check = (value, name) => {
  if (value === 'none' || value === 'full') return value
  if (typeof value !== 'object' || !value) throw badOption(name, value, "'none', 'full' or { block: bytes }")
  return Object.freeze({ block: given(value, 'block') })
}

const checkVersions = listOf(1, 2, checkVersion, 'a list of 1, 2 or both')

function noDefault(): ChannelError {
  return new ChannelError('USE_BAD_OPTION', "strangers is 'answer', and there are several keyPairs", {
    next: 'name the one that they are shown as keyPair, beside keyPairs',
  })
}

/** Whoever speaks version 1 would walk past a secret context. */
function badContext(): ChannelError {
  return new ChannelError('USE_BAD_OPTION', 'context is given, and version 1 of the protocol has none', {
    next: 'leave version 1 out, or the context',
  })
}

const checkServerKey: Check = (value, name) => {
  if (value === null) throw missing(name, SERVER_KEY)
  return value === 'any' ? value : checkPublicKey(value, name)
}

const SERVER_KEY = "the server’s public key (of its text: decodePublicKey('pk_…')), or 'any' to talk to whoever answers"
const NONE = new Uint8Array()
const CONTEXT_BYTES = 1_048_576
// An alert with a few words has to fit, and the shortest message.
const RECORD_LEAST = 64

const ENGINE_OPTIONS: OptionTable = {
  keyPair: copyKeyPair,
  context: (value, name) => checkText(name, value),
  padding: checkPadding,
  maxRecord: integer(RECORD_LEAST, RECORD_MAX_2),
  rekeyAfter: integer(1, REKEY_BYTES),
  native: yesOrNo,
  allowTruncation: yesOrNo,
  onKeys: method,
  onWire: method,
}

/** What a server may change while it runs. */
export const OWN_KEYS: OptionTable = {
  keyPair: copyKeyPair,
  keyPairs: listOf(1, KEYS_MOST, copyKeyPair, `a list of 1 to ${KEYS_MOST} key pairs`),
}

export const CLIENT_OPTIONS: OptionTable = {
  ...ENGINE_OPTIONS,
  version: checkVersion,
  serverKey: checkServerKey,
  serverKeys: listOf(1, KEYS_MOST, checkPublicKey, `a list of 1 to ${KEYS_MOST} public keys`),
  middleboxKey: (value, name) => checkPublicKey(value, name),
}

export const SERVER_OPTIONS: OptionTable = {
  ...ENGINE_OPTIONS,
  ...OWN_KEYS,
  versions: checkVersions,
  strangers: oneOf('answer', 'ignore'),
  authorize(value, name) {
    throw badOption(name, value, 'none: the engine asks nobody. Look at its remotePublicKey when it is connected')
  },
}
