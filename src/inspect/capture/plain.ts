// A capture file of what was inside connections: pcapng, with IP and TCP headers made for it.
// https://www.ietf.org/archive/id/draft-ietf-opsawg-pcapng-03.html

import { joined } from './joined.js'

/** What one end has said, or that its direction has ended. */
export interface PlainPiece {
  readonly from: 'client' | 'server'
  readonly data: Uint8Array
  readonly end: boolean
  /** In nanoseconds since 1970. */
  readonly time: bigint
}

/** One connection in a capture, opened. */
export interface PlainConnection {
  /** `address:port`, with an address of IPv6 in brackets. */
  readonly client: string
  readonly server: string
  /** In the order in which they were said. */
  readonly pieces: readonly PlainPiece[]
}

/** A pcapng file in which each connection is one of TCP, from its opening to the ends that were said, with the pieces as its payload. */
export function plainCapture(connections: readonly PlainConnection[]): Uint8Array {
  const packets = connections.flatMap(packetsOf)
  packets.sort((a, b) => (a.time < b.time ? -1 : a.time > b.time ? 1 : 0))
  return joined([SECTION, INTERFACE, ...packets.map(packetBlock)])
}

interface Packet {
  time: bigint
  bytes: Uint8Array
}

function packetsOf({ client, server, pieces }: PlainConnection): Packet[] {
  const ends = { client: placeOf(client), server: placeOf(server) }
  const next = { client: 0, server: 0 }
  const packets: Packet[] = []
  const send = (from: 'client' | 'server', flags: number, data: Uint8Array, time: bigint) => {
    const other = from === 'client' ? 'server' : 'client'
    const acknowledged = flags & ACK ? next[other] : 0
    packets.push({ time, bytes: packetOf(ends[from], ends[other], next[from], acknowledged, flags, data) })
    next[from] += data.length + (flags & (SYN | FIN) ? 1 : 0)
  }
  const start = pieces[0]?.time ?? 0n
  send('client', SYN, NOTHING, start)
  send('server', SYN | ACK, NOTHING, start)
  send('client', ACK, NOTHING, start)
  for (const { from, data, end, time } of pieces) {
    for (let at = 0; at < data.length; at += MOST) send(from, PSH | ACK, data.subarray(at, at + MOST), time)
    if (end) send(from, FIN | ACK, NOTHING, time)
  }
  return packets
}

interface Place {
  /** 4 bytes, or 16. */
  address: Uint8Array
  port: number
}

function placeOf(text: string): Place {
  const colon = text.lastIndexOf(':')
  const address = text.slice(0, colon)
  const port = Number(text.slice(colon + 1))
  if (!address.startsWith('[')) return { address: Uint8Array.from(address.split('.').map(Number)), port }
  const [before = '', after] = address.slice(1, -1).split('::')
  const words = (part: string) => (part === '' ? [] : part.split(':').map(it => Number.parseInt(it, 16)))
  const [head, tail] = [words(before), words(after ?? '')]
  const all = [...head, ...new Array<number>(8 - head.length - tail.length).fill(0), ...tail]
  return { address: Uint8Array.from(all.flatMap(it => [it >> 8, it & 255])), port }
}

function packetOf(from: Place, to: Place, sequence: number, acknowledged: number, flags: number, data: Uint8Array) {
  const tcp = new DataView(new ArrayBuffer(TCP_BYTES))
  tcp.setUint16(0, from.port)
  tcp.setUint16(2, to.port)
  // Numbers of 32 bits: they start anew behind 4 GiB.
  tcp.setUint32(4, sequence)
  tcp.setUint32(8, acknowledged)
  tcp.setUint8(12, (TCP_BYTES / 4) << 4)
  tcp.setUint8(13, flags)
  tcp.setUint16(14, 0xffff)
  const header = bytesOf(tcp)
  const length = TCP_BYTES + data.length
  const pseudo = Uint8Array.of(0, TCP, length >> 8, length & 255)
  tcp.setUint16(16, checksum(joined([from.address, to.address, pseudo, header, data])))
  return joined([from.address.length === 4 ? ipv4(from, to, length) : ipv6(from, to, length), header, data])
}

function ipv4(from: Place, to: Place, length: number): Uint8Array {
  const ip = new DataView(new ArrayBuffer(20))
  ip.setUint8(0, 0x45)
  ip.setUint16(2, 20 + length)
  ip.setUint8(8, HOPS)
  ip.setUint8(9, TCP)
  const header = bytesOf(ip)
  header.set(from.address, 12)
  header.set(to.address, 16)
  ip.setUint16(10, checksum(header))
  return header
}

function ipv6(from: Place, to: Place, length: number): Uint8Array {
  const ip = new DataView(new ArrayBuffer(40))
  ip.setUint8(0, 0x60)
  ip.setUint16(4, length)
  ip.setUint8(6, TCP)
  ip.setUint8(7, HOPS)
  const header = bytesOf(ip)
  header.set(from.address, 8)
  header.set(to.address, 24)
  return header
}

/** RFC 1071: the complement of the sum of all words, with what is carried added at the low end. */
function checksum(bytes: Uint8Array): number {
  let sum = 0
  for (let at = 0; at < bytes.length; at += 2) sum += ((bytes[at] ?? 0) << 8) | (bytes[at + 1] ?? 0)
  while (sum > 0xffff) sum = (sum & 0xffff) + Math.floor(sum / 0x10000)
  return ~sum & 0xffff
}

function packetBlock({ time, bytes }: Packet): Uint8Array {
  const head = new DataView(new ArrayBuffer(20))
  head.setUint32(4, Number(time >> 32n), true)
  head.setUint32(8, Number(time & 0xffffffffn), true)
  head.setUint32(12, bytes.length, true)
  head.setUint32(16, bytes.length, true)
  return block(ENHANCED_PACKET, joined([bytesOf(head), bytes]))
}

/** A block's type, its length, its body filled up to whole words, and its length again. */
function block(type: number, body: Uint8Array): Uint8Array {
  const length = 12 + body.length + (-body.length & 3)
  const view = new DataView(new ArrayBuffer(length))
  view.setUint32(0, type, true)
  view.setUint32(4, length, true)
  view.setUint32(length - 4, length, true)
  const bytes = bytesOf(view)
  bytes.set(body, 8)
  return bytes
}

function bytesOf({ buffer }: DataView): Uint8Array {
  return new Uint8Array(buffer)
}

const NOTHING = new Uint8Array()
/** Payload of a packet: its length has to go into 16 bits. */
const MOST = 32_768
const TCP_BYTES = 20
const TCP = 6
const HOPS = 64
const FIN = 1
const SYN = 2
const PSH = 8
const ACK = 16
const ENHANCED_PACKET = 6
// Byte order, version 1.0, and a length that is not said.
const SECTION = block(
  0x0a0d0d0a,
  Uint8Array.of(0x4d, 0x3c, 0x2b, 0x1a, 1, 0, 0, 0, 255, 255, 255, 255, 255, 255, 255, 255),
)
// Link type 101, raw IP; packets of any length; an option: times in 10^-9 s; the end of options.
const INTERFACE = block(1, Uint8Array.of(101, 0, 0, 0, 0, 0, 0, 0, 9, 0, 1, 0, 9, 0, 0, 0, 0, 0, 0, 0))
