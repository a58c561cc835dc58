import type { Core } from '../core/core.js'
import { ChannelError } from '../errors.js'
import { checkKeyPair, type KeyPair } from '../keys/pair.js'
import { checkKey } from '../keys/text.js'
import {
  OPTION_IGNORE_STRANGERS,
  OPTION_MIDDLEBOX_KEY,
  OPTION_SERVER_KEY,
  OPTION_WASM_ONLY,
  ROLE_CLIENT,
  ROLE_SERVER,
  SERVES_1,
  SERVES_2,
} from '../wire/abi.js'
import { RECORD_LIMIT_1, RECORD_LIMIT_2, RECORD_MAX_1, RECORD_MAX_2, REKEY_BYTES } from '../wire/stream.js'

export type Version = 1 | 2

/** `block`: every record’s length on the wire is a multiple of so many bytes. `full`: all records are equally long. */
export type Padding = 'none' | { block: number } | 'full'

/** What both ends of a channel can say, whatever carries it. */
export interface EngineOptions {
  keyPair: KeyPair
  /** Bytes that both ends must agree on (version 2): a protocol's name, or a network's secret of 32 bytes. Empty by default. */
  context?: Uint8Array | string
  /** Default `none`. */
  padding?: Padding
  /** The longest record to write, in bytes on the wire: default 16,405, in version 1 8,192; 65,489 if a native cipher is in use. */
  maxRecord?: number
  /** Turn the key over after so many bytes: at most, and by default, 2^30. */
  rekeyAfter?: number
  /** Whether the platform's own cryptographic primitives may be used, where it has some: default true. */
  native?: boolean
  /** Version 1: take a plain close for the end, as the published program sends no other. Data may have been cut off unseen. */
  allowTruncation?: boolean
  /** Key log, for looking at captured bytes: gets two lines a connection, which open all of its records. */
  onKeys?: (line: string) => void
}

export interface ClientEngineOptions extends EngineOptions {
  /** Default 2. Version 1 does not prove to the client whom it talks to: see docs/protocol.md. */
  version?: Version
  /** The server's public key: another one is refused. Without it, the key that the server proves is reported. */
  serverKey?: Uint8Array
  /** The public key of the middlebox that is to route the hello. */
  middleboxKey?: Uint8Array
}

export interface ServerEngineOptions extends EngineOptions {
  /** The versions served: default [2]. */
  versions?: Version[]
  /** Whether a hello that is not addressed to this server's key is answered: default `answer`, for it may have come through a middlebox. */
  strangers?: 'answer' | 'ignore'
}

/** Options found sound, in the core's terms. */
export interface Setup {
  role: number
  versions: number
  options: number
  keyPair: KeyPair
  serverKey?: Uint8Array
  middleboxKey?: Uint8Array
  context: Uint8Array
}

/** @throws ChannelError USE_BAD_KEY or USE_BAD_OPTION */
export function clientSetup(core: Core, options: ClientEngineOptions): Setup {
  const setup = commonSetup(core, options, ROLE_CLIENT, [options.version ?? 2])
  if (options.serverKey !== undefined) {
    setup.serverKey = checkKey(options.serverKey, 'serverKey')
    setup.options |= OPTION_SERVER_KEY
  }
  if (options.middleboxKey !== undefined) {
    setup.middleboxKey = checkKey(options.middleboxKey, 'middleboxKey')
    setup.options |= OPTION_MIDDLEBOX_KEY
  }
  return setup
}

/** @throws ChannelError USE_BAD_KEY or USE_BAD_OPTION */
export function serverSetup(core: Core, options: ServerEngineOptions): Setup {
  const versions = options.versions ?? [2]
  if (!Array.isArray(versions) || versions.length === 0) throw badOption('versions', versions, 'a list of 1, 2 or both')
  const setup = commonSetup(core, options, ROLE_SERVER, versions)
  const strangers = options.strangers ?? 'answer'
  if (strangers !== 'answer' && strangers !== 'ignore') throw badOption('strangers', strangers, "'answer' or 'ignore'")
  if (strangers === 'ignore') setup.options |= OPTION_IGNORE_STRANGERS
  return setup
}

/**
 * How the writer shapes records in the version that was agreed on: its limit, block and rekey interval, in bytes. A host's cipher may be
 * at its fastest with longer records; but `full` padding does not tell whether there is one.
 */
export function shapeOf(
  options: EngineOptions,
  version: Version,
  hostLimit: number | undefined,
): { limit: number; block: number; rekeyAfter: number } {
  const padding = options.padding ?? 'none'
  const longest = version === 1 ? RECORD_MAX_1 : RECORD_MAX_2
  const usual = version === 1 ? RECORD_LIMIT_1 : padding === 'full' ? RECORD_LIMIT_2 : (hostLimit ?? RECORD_LIMIT_2)
  const limit = Math.min(options.maxRecord ?? usual, longest)
  const block = padding === 'none' ? 0 : padding === 'full' ? limit : padding.block
  return { limit, block, rekeyAfter: options.rekeyAfter ?? REKEY_BYTES }
}

/** @throws ChannelError USE_BAD_OPTION unless it is an integer from `low` to `high` */
export function checkInteger(name: string, value: unknown, low: number, high: number): number {
  if (typeof value !== 'number' || !Number.isInteger(value) || value < low || value > high) {
    throw badOption(name, value, `a whole number from ${low} to ${high}`)
  }
  return value
}

/** @throws ChannelError USE_BAD_OPTION unless it is left out, or `typeof` says that it is of this type */
export function checkType(name: string, value: unknown, type: string, wanted: string): void {
  if (value !== undefined && typeof value !== type) throw badOption(name, value, wanted)
}

export function badOption(name: string, value: unknown, wanted: string): ChannelError {
  const shown = typeof value === 'string' || typeof value === 'number' ? JSON.stringify(value) : typeof value
  return new ChannelError('USE_BAD_OPTION', `${name} is ${shown}`, { next: `give ${wanted}` })
}

function commonSetup(core: Core, options: EngineOptions, role: number, versions: readonly unknown[]): Setup {
  let served = 0
  for (const version of versions) {
    if (version !== 1 && version !== 2) throw badOption('version', version, '1 or 2')
    served |= version === 1 ? SERVES_1 : SERVES_2
  }
  checkShape(options)
  checkType('onKeys', options.onKeys, 'function', 'a function')
  checkType('native', options.native, 'boolean', 'true or false')
  return {
    role,
    versions: served,
    options: options.native === false ? OPTION_WASM_ONLY : 0,
    keyPair: checkKeyPair(core, options.keyPair),
    context: contextOf(options),
  }
}

/** The longest record has to hold the shortest message, and a block at least once. */
function checkShape({ padding, maxRecord, rekeyAfter }: EngineOptions): void {
  if (maxRecord !== undefined) checkInteger('maxRecord', maxRecord, RECORD_LEAST, RECORD_MAX_2)
  if (rekeyAfter !== undefined) checkInteger('rekeyAfter', rekeyAfter, 1, REKEY_BYTES)
  if (padding === undefined || padding === 'none' || padding === 'full') return
  if (typeof padding !== 'object' || padding === null) {
    throw badOption('padding', padding, "'none', 'full' or { block: bytes }")
  }
  checkInteger('padding.block', padding.block, 1, Math.min(maxRecord ?? RECORD_LIMIT_1, RECORD_LIMIT_1))
}

function contextOf({ context }: EngineOptions): Uint8Array {
  if (context === undefined) return NONE
  if (typeof context === 'string') return new TextEncoder().encode(context)
  if (context instanceof Uint8Array) return context
  throw badOption('context', context, 'a string or a Uint8Array')
}

const NONE = new Uint8Array()
// An alert with a few words has to fit.
const RECORD_LEAST = 64
