// The PROXY protocol, version 2: tells a backend where a client comes from, and here also which key it has proved.
// https://www.haproxy.org/download/3.0/doc/proxy-protocol.txt, section 2.2

import { isIPv4, isIPv6 } from 'node:net'
import { plainAddress } from './address.js'

/** What a client’s connection is known by. Without addresses, as through a Unix socket, the backend learns the key alone. */
export interface ProxiedClient {
  remotePublicKey: Uint8Array
  remoteAddress?: string | undefined
  remotePort?: number | undefined
  localAddress?: string | undefined
  localPort?: number | undefined
}

/** From the range that is for private use: 32 bytes, the public key that the client has proved. */
export const TLV_PUBLIC_KEY = 0xe0

/** The header, which goes before all else. */
export function proxyHeader(client: ProxiedClient): Buffer {
  const { family, addresses } = addressesOf(client)
  const tlv = Buffer.concat([Buffer.from([TLV_PUBLIC_KEY, 0, client.remotePublicKey.length]), client.remotePublicKey])
  const head = Buffer.alloc(4)
  head.writeUInt8(VERSION_2_PROXY, 0)
  head.writeUInt8(family, 1)
  head.writeUInt16BE(addresses.length + tlv.length, 2)
  return Buffer.concat([SIGNATURE, head, addresses, tlv])
}

function addressesOf({ remoteAddress, remotePort = 0, localAddress, localPort = 0 }: ProxiedClient) {
  const [source, target] = [withoutZone(remoteAddress), withoutZone(localAddress)]
  const ports = Buffer.alloc(4)
  ports.writeUInt16BE(remotePort, 0)
  ports.writeUInt16BE(localPort, 2)
  if (isIPv4(source) && isIPv4(target)) {
    return { family: TCP4, addresses: Buffer.concat([bytesOf4(source), bytesOf4(target), ports]) }
  }
  if (isIPv6(source) && isIPv6(target)) {
    return { family: TCP6, addresses: Buffer.concat([bytesOf6(source), bytesOf6(target), ports]) }
  }
  return { family: UNSPECIFIED, addresses: Buffer.alloc(0) }
}

/** A zone stays here. */
function withoutZone(address = ''): string {
  return plainAddress(address).replace(/%.*$/, '')
}

function bytesOf4(address: string): Buffer {
  return Buffer.from(address.split('.').map(Number))
}

function bytesOf6(address: string): Buffer {
  const [head = '', tail] = address.replace(/:(\d+)\.(\d+)\.(\d+)\.(\d+)$/, last4).split('::')
  const words = (text = '') => (text === '' ? [] : text.split(':').map(word => Number.parseInt(word, 16)))
  const [before, after] = [words(head), words(tail)]
  const all = [...before, ...Array(8 - before.length - after.length).fill(0), ...after]
  const bytes = Buffer.alloc(16)
  for (const [at, word] of all.entries()) bytes.writeUInt16BE(word, 2 * at)
  return bytes
}

function last4(_: string, a: string, b: string, c: string, d: string): string {
  const hex = (high: string, low: string) => (Number(high) * 256 + Number(low)).toString(16)
  return `:${hex(a, b)}:${hex(c, d)}`
}

const SIGNATURE = Buffer.from('\r\n\r\n\0\r\nQUIT\n', 'latin1')
const VERSION_2_PROXY = 0x21
const UNSPECIFIED = 0x00
const TCP4 = 0x11
const TCP6 = 0x21
