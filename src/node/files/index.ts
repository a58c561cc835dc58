// Files of keys for programs: the same that the command reads. docs/key-files.md has their formats.

import type { Peer, ServedChannel } from '../../channel/options.js'
import { badOption } from '../../engine/snapshot.js'
import { ChannelError } from '../../errors.js'
import type { KeyPair } from '../../keys/pair.js'
import { ALERT_NOT_AUTHORIZED } from '../../wire/stream.js'
import { AuthorizedClients } from './authorized-clients.js'
import { badFile, told } from './bad-file.js'
import { defaultKnownServers, findServer, rememberServer } from './known-servers.js'
import { readSecretFile } from './secret-file.js'

/** How a file with a secret key is read. */
export interface ReadKeyOptions {
  /** Of a file that `keygen --passphrase` has made, which needs the package `libsodium-wrappers-sumo`: a text, or what asks for it. */
  passphrase?: string | (() => string | Promise<string>)
  /** Takes the file whoever owns it or may read it. Default false. */
  insecure?: boolean
}

/**
 * The key pair in a file that `nopki keygen -o FILE` has made.
 * @throws ChannelError USE_BAD_FILE where there is no such file, others than its owner may read it, or it is wrong
 */
export async function readKeyPair(file: string, options: ReadKeyOptions = {}): Promise<KeyPair> {
  const { passphrase, insecure = false } = options
  const ask = () => {
    if (passphrase === undefined) throw badFile(`${file} is under a passphrase`, 'give it as the option passphrase')
    return typeof passphrase === 'string' ? passphrase : passphrase()
  }
  return await readSecretFile(checkPath(file), ask, insecure ? 'insecure' : 'checked')
}

/** What a client that a file lets in has as its `authorization`. */
export interface AuthorizedClient {
  /** As in the file. */
  name: string
  /** `pk_…`, proved. */
  key: string
}

/** What `authorizedKeys` can be told. */
export interface AuthorizedKeysOptions {
  /** What clients come for, as `to=` in the file has it: a key with `to=` is let in for one of these alone. */
  target?: string
  /** Told when the file cannot be read anew, or is wrong: what was read before stays in force. Default: a warning of the process. */
  onTrouble?: (error: Error) => void
}

/** An `authorize` that lets in who is in a file. */
export interface AuthorizedKeysFile {
  (peer: Peer): AuthorizedClient
  /** Why the last change of the file was not taken; empty where it was. */
  readonly trouble: string
  /** Reads the file now; it is read by itself when it changes. */
  reload(): void
  /** Looks at the file no more. Who is inside stays. */
  close(): void
}

/**
 * An `authorize` for servers: lets in the keys in a file, one a line with a name and conditions. The file is read anew when it changes. Whoever
 * is no longer in it, or has expired, is told so by alert 3, and its channel is destroyed 5 s later at the latest. It keeps no process alive.
 * @throws ChannelError USE_BAD_FILE where the file cannot be read or is wrong
 */
export function authorizedKeys(file: string, options: AuthorizedKeysOptions = {}): AuthorizedKeysFile {
  const { target, onTrouble = warn } = options
  const clients = new AuthorizedClients<ServedChannel>(checkPath(file), {
    target,
    onTrouble,
    onChange: () => {},
    drop: (channel, _, refusal) => dismiss(channel, refusal),
  })
  const authorize = ({ publicKeyText: key, remoteAddress: ip, whenServed }: Peer): AuthorizedClient => {
    const refusal = clients.refusalOf({ key, ip })
    if (refusal !== undefined) throw new ChannelError('PEER_NOT_AUTHORIZED', `${refusal} (${key})`, { next: ASK })
    const name = clients.entryOf(key)?.name ?? key
    whenServed(channel => {
      clients.enter(channel, { key, ip, name })
      channel.closed.then(
        () => clients.leave(channel),
        () => clients.leave(channel),
      )
    })
    return { name, key }
  }
  return Object.defineProperty(
    Object.assign(authorize, { reload: () => clients.reload(), close: () => clients.close() }),
    'trouble',
    { get: () => clients.trouble },
  ) as unknown as AuthorizedKeysFile
}

/** Servers that were met before, by `host:port`. */
export interface KnownServers {
  /** Its path. */
  readonly file: string
  /** The key of a server that was met; undefined of one that was not. @throws ChannelError USE_BAD_FILE */
  find(place: string): Uint8Array | undefined
  /**
   * Remembers the key of a server that was not met before; false of one that was.
   * @throws ChannelError USE_BAD_FILE, also where another key is remembered for it
   */
  remember(place: string, publicKey: Uint8Array): boolean
}

/** The file of known servers: by default the command's own, `~/.config/nopki/known_servers`. It is read at each call. */
export function knownServers(file: string = defaultKnownServers()): KnownServers {
  checkPath(file)
  return {
    file,
    find: place => findServer(file, place)?.publicKey,
    remember: (place, publicKey) => rememberServer(file, place, publicKey),
  }
}

/** It is told so, and has a short while to take it. */
function dismiss(channel: ServedChannel, refusal: string): void {
  const reason = new ChannelError('PEER_NOT_AUTHORIZED', refusal, { next: ASK })
  const timer = setTimeout(() => channel.destroy(reason), LAST_WORDS_MS)
  const over = () => clearTimeout(timer)
  channel.closed.then(over, over)
  channel.alert(ALERT_NOT_AUTHORIZED, refusal).catch(() => channel.destroy(reason))
}

function warn(error: Error): void {
  process.emitWarning(`${told(error).reason}; what was read before stays in force`, { code: 'NOPKI_KEY_FILE' })
}

function checkPath(file: unknown): string {
  if (typeof file !== 'string' || file === '') throw badOption('file', file, 'the path of a file')
  return file
}

const ASK = 'ask the server’s operator to authorize the key'
const LAST_WORDS_MS = 5000
