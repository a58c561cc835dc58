// Whom the doctor is to look at, and as whom.

import { defaultKnownServers, findServer } from '../../node/files/known-servers.js'
import { decodePublicKey, type KeyPair, parseAddress } from '../../node/index.js'
import { type Protocol, type ProtocolValues, protocolOf } from '../channels/protocol.js'
import { type Place, parsePlain, placeText } from '../frame/place.js'
import { type KeyValues, keyPairOf } from '../keys/options.js'

export interface Client {
  place: { path: string } | { host: string; port: number }
  protocol: Protocol
  /** Undefined: whatever key the server proves is told. */
  serverKey: Uint8Array | undefined
  /** Where the address has several. */
  serverKeys?: readonly Uint8Array[]
  /** Where that key is from. */
  pinnedBy: string
  middleboxKey: Uint8Array | undefined
  keyPair: KeyPair
  /** Nobody knows the key: it was just made. */
  stranger: boolean
}

interface Values extends KeyValues, ProtocolValues {
  'server-key': string | undefined
  'known-servers': string | undefined
}

/** @throws Failure where the address, a key or a file is wrong */
export async function clientOf(address: string, values: Values): Promise<Client> {
  const identity = { keyPair: await keyPairOf(values), stranger: values.key === undefined }
  if (address.startsWith('nopki:')) {
    const { host, port, serverKey, serverKeys, middleboxKey, version } = parseAddress(address)
    const protocol = protocolOf(values, version)
    const pinned = { serverKey, ...(serverKeys && { serverKeys }), pinnedBy: 'the address' }
    return { place: { host, port }, protocol, ...pinned, middleboxKey, ...identity }
  }
  const place = withHost(parsePlain(address, 'ADDRESS'))
  const common = { place, protocol: protocolOf(values), middleboxKey: undefined, ...identity }
  const given = values['server-key']
  if (given !== undefined) return { ...common, serverKey: decodePublicKey(given), pinnedBy: '--server-key' }
  const path = values['known-servers'] ?? defaultKnownServers()
  const known = 'port' in place ? findServer(path, placeText(place)) : undefined
  return { ...common, serverKey: known?.publicKey, pinnedBy: known ? `${path}, line ${known.line}` : '' }
}

function withHost(place: Place): Client['place'] {
  return 'path' in place ? place : { host: place.host ?? '127.0.0.1', port: place.port }
}
