// Whom to connect to: an address with its key, or a place whose key is known from before.

import {
  changedKey,
  defaultKnownServers,
  findServer,
  type KnownServer,
  rememberServer,
} from '../../node/files/known-servers.js'
import {
  ChannelError,
  connect,
  decodePublicKey,
  encodePublicKey,
  type KeyPair,
  parseAddress,
  type SecureSocket,
} from '../../node/index.js'
import { Failure } from '../frame/failure.js'
import { log } from '../frame/output.js'
import { type Place, parsePlain, placeText } from '../frame/place.js'
import { type KeyValues, keyOptions, keyPairOf } from '../keys/options.js'
import { aliveOption } from '../service/options.js'
import { keylogOption, keylogTo } from './keylog.js'
import { type Protocol, type ProtocolValues, protocolOf, protocolOptions } from './protocol.js'

export const ADDRESS = {
  name: 'ADDRESS',
  summary: 'nopki://pk_…@HOST:PORT; or HOST:PORT of a server whose key is known; or unix:PATH with --server-key',
} as const

export const dialOptions = {
  ...keyOptions,
  'server-key': { value: 'KEY', summary: 'the public key that the server has to prove, where ADDRESS has none' },
  'trust-on-first-use': { summary: 'takes whatever key an unknown server proves, and remembers it' },
  'known-servers': {
    value: 'FILE',
    summary: 'where such keys are remembered (default ~/.config/nopki/known_servers)',
    completes: 'file',
  },
  ...aliveOption,
  ...protocolOptions,
  ...keylogOption,
} as const

interface DialValues extends KeyValues, ProtocolValues {
  'server-key': string | undefined
  'trust-on-first-use': boolean
  'known-servers': string | undefined
  heartbeat: number
  keylog: string | undefined
}

export interface DialTimes {
  /** For connecting and the handshake, in milliseconds. */
  timeout?: number
  signal?: AbortSignal
}

/** How to get a channel to a server, as often as one is wanted. Each has allowHalfOpen. */
export type Dial = (times: DialTimes) => Promise<SecureSocket>

/** @throws Failure where the address or the key file is wrong, and where nobody says which key the server has */
export async function dialler(address: string, values: DialValues): Promise<Dial> {
  const common = {
    keyPair: await keyPairOf(values),
    allowHalfOpen: true,
    heartbeat: values.heartbeat,
    ...keylogTo(values.keylog),
  }
  if (address.startsWith('nopki:')) {
    if (values['server-key'] !== undefined) throw Failure.usage('the server’s key was given twice', 'ADDRESS has it')
    const protocol = protocolOf(values, parseAddress(address).version)
    return times => connect(address, { ...common, ...protocol, ...withTimes(times) })
  }
  const protocol = protocolOf(values)
  const place = withHost(parsePlain(address, ADDRESS.name))
  if (values['server-key'] !== undefined) {
    const serverKey = decodePublicKey(values['server-key'])
    return times => connect({ ...place, ...common, ...protocol, serverKey, ...withTimes(times) })
  }
  if ('path' in place) throw Failure.usage(`the key of ${placeText(place)} is not known`, 'give --server-key')
  const path = values['known-servers'] ?? defaultKnownServers()
  const trusts = values['trust-on-first-use']
  if (!trusts && !findServer(path, placeText(place))) throw unknownServer(placeText(place))
  return times => dialKnown({ place, path, trusts, common: { ...common, ...protocol, ...withTimes(times) } })
}

interface KnownDial {
  place: { host: string; port: number }
  path: string
  trusts: boolean
  common: Protocol & { keyPair: KeyPair; allowHalfOpen: boolean }
}

async function dialKnown({ place, path, trusts, common }: KnownDial): Promise<SecureSocket> {
  const name = placeText(place)
  const known = findServer(path, name)
  if (known) return await dialPinned({ place, path, trusts, common }, known)
  if (!trusts) throw unknownServer(name)
  const socket = await connect({ ...place, ...common, serverKey: 'any' })
  try {
    if (rememberServer(path, name, socket.remotePublicKey)) {
      log.info(`${name} was not known: it is remembered as ${encodePublicKey(socket.remotePublicKey)} in ${path}`)
    }
  } catch (error) {
    socket.on('error', () => {}).destroy()
    throw error
  }
  return socket
}

async function dialPinned({ place, path, common }: KnownDial, known: KnownServer): Promise<SecureSocket> {
  try {
    return await connect({ ...place, ...common, serverKey: known.publicKey })
  } catch (error) {
    if (!(error instanceof ChannelError) || error.code !== 'PEER_KEY_MISMATCH') throw error
    const claimed = /answers as (\S+),/.exec(error.reason)?.[1] ?? 'another key'
    throw changedKey(path, placeText(place), known, claimed)
  }
}

function withHost(place: Place): { path: string } | { host: string; port: number } {
  return 'path' in place ? place : { host: place.host ?? '127.0.0.1', port: place.port }
}

function withTimes({ timeout, signal }: DialTimes) {
  return { ...(timeout !== undefined && { handshakeTimeout: timeout }), ...(signal && { signal }) }
}

function unknownServer(name: string): Failure {
  return new Failure(
    `the key of ${name} is not known`,
    `ask its operator, and give nopki://pk_…@${name}; or --trust-on-first-use, if nobody can be in between now`,
  )
}
