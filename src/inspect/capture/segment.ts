// From a captured packet to its TCP segment: link layer, IPv4 or IPv6, TCP.

import type { Packet } from './capture.js'

export interface Segment {
  /** `address:port` */
  readonly from: string
  readonly to: string
  readonly sequence: number
  readonly syn: boolean
  readonly ack: boolean
  readonly fin: boolean
  readonly rst: boolean
  /** As far as it was captured. */
  readonly data: Uint8Array
  readonly packet: number
}

/** Undefined where the packet is no TCP, or a fragment of one, or not there as far as its TCP header. */
export function segmentOf({ number, linkType, bytes }: Packet): Segment | undefined {
  try {
    const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.length)
    const start = networkLayer(view, linkType)
    if (start === undefined) return undefined
    const ip = view.getUint8(start) >> 4 === 4 ? readIpv4(view, start) : readIpv6(view, start)
    return ip && readTcp(view, ip, number)
  } catch {
    // A DataView throws where the bytes have ended.
    return undefined
  }
}

/** Where TCP starts, where the IP packet ends, and whose it is. */
interface Ip {
  source: string
  target: string
  start: number
  end: number
}

function networkLayer(view: DataView, linkType: number): number | undefined {
  const start = linkHeader(view, linkType)
  if (start === undefined) return undefined
  const version = view.getUint8(start) >> 4
  return version === 4 || version === 6 ? start : undefined
}

function linkHeader(view: DataView, linkType: number): number | undefined {
  switch (linkType) {
    case 0: // BSD loopback
    case 108:
      return 4
    case 1:
      return ethernet(view)
    case 12: // raw IP, under several numbers
    case 14:
    case 101:
    case 228:
    case 229:
      return 0
    case 113: // Linux "any", old and new
      return 16
    case 276:
      return 20
    default:
      return undefined
  }
}

function ethernet(view: DataView): number | undefined {
  let at = 12
  while (VLAN_TAGS.includes(view.getUint16(at))) at += 4
  const type = view.getUint16(at)
  return type === ETHER_IPV4 || type === ETHER_IPV6 ? at + 2 : undefined
}

function readIpv4(view: DataView, start: number): Ip | undefined {
  const fragment = view.getUint16(start + 6) & 0x3fff
  if (view.getUint8(start + 9) !== TCP || fragment !== 0) return undefined
  // 0: the network card was to fill it in.
  const length = view.getUint16(start + 2)
  return {
    source: dotted(view, start + 12),
    target: dotted(view, start + 16),
    start: start + (view.getUint8(start) & 15) * 4,
    end: length === 0 ? view.byteLength : Math.min(start + length, view.byteLength),
  }
}

function readIpv6(view: DataView, start: number): Ip | undefined {
  const length = view.getUint16(start + 4)
  let at = start + 40
  let next = view.getUint8(start + 6)
  while (EXTENSIONS.includes(next)) {
    next = view.getUint8(at)
    at += 8 * (view.getUint8(at + 1) + 1)
  }
  if (next !== TCP) return undefined
  return {
    source: coloned(view, start + 8),
    target: coloned(view, start + 24),
    start: at,
    end: length === 0 ? view.byteLength : Math.min(start + 40 + length, view.byteLength),
  }
}

function readTcp(view: DataView, { source, target, start, end }: Ip, packet: number): Segment {
  const flags = view.getUint8(start + 13)
  const data = start + (view.getUint8(start + 12) >> 4) * 4
  return {
    from: `${source}:${view.getUint16(start)}`,
    to: `${target}:${view.getUint16(start + 2)}`,
    sequence: view.getUint32(start + 4),
    fin: (flags & 1) !== 0,
    syn: (flags & 2) !== 0,
    rst: (flags & 4) !== 0,
    ack: (flags & 16) !== 0,
    data: new Uint8Array(view.buffer, view.byteOffset + Math.min(data, end), Math.max(0, end - data)),
    packet,
  }
}

function dotted(view: DataView, at: number): string {
  return [0, 1, 2, 3].map(i => view.getUint8(at + i)).join('.')
}

/** In brackets, the longest run of zeros left out. */
function coloned(view: DataView, at: number): string {
  const text = Array.from({ length: 8 }, (_, i) => view.getUint16(at + 2 * i).toString(16)).join(':')
  const runs = [...text.matchAll(/(?<![^:])0(?::0)+(?![^:])/g)].sort((a, b) => b[0].length - a[0].length)
  const [longest] = runs
  if (!longest) return `[${text}]`
  const before = text.slice(0, longest.index).replace(/:$/, '')
  const after = text.slice(longest.index + longest[0].length).replace(/^:/, '')
  return `[${before}::${after}]`
}

const ETHER_IPV4 = 0x0800
const ETHER_IPV6 = 0x86dd
const VLAN_TAGS = [0x8100, 0x88a8, 0x9100]
const TCP = 6
// IPv6: hop-by-hop options, routing, destination options. A fragment is none of them.
const EXTENSIONS = [0, 43, 60]
