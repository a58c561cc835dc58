// Capture files: the packets in a pcap or a pcapng file. https://www.ietf.org/archive/id/draft-ietf-opsawg-pcap-05.html and
// https://www.ietf.org/archive/id/draft-ietf-opsawg-pcapng-03.html

/** A packet as it was captured. */
export interface Packet {
  /** From 1, as other programs count them. */
  readonly number: number
  /** What its bytes begin with: https://www.tcpdump.org/linktypes.html */
  readonly linkType: number
  readonly bytes: Uint8Array
  /** When it was captured, in nanoseconds since 1970; undefined where the file does not say. */
  readonly time?: bigint | undefined
}

/** What a capture file holds. */
export interface Capture {
  readonly packets: Packet[]
  /** Why the file was not read to its end. */
  readonly trouble?: string
}

/** Whether the bytes are those of a capture file. */
export function isCapture(bytes: Uint8Array): boolean {
  if (bytes.length < 4) return false
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.length)
  return view.getUint32(0) === SECTION_HEADER || pcapOrder(view) !== undefined
}

/** Never throws: what is there of a file that is cut or damaged comes out, and why it is not more. */
export function readCapture(bytes: Uint8Array): Capture {
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.length)
  const packets: Packet[] = []
  const add: Add = (linkType, offset, length, time) => {
    packets.push({ number: packets.length + 1, linkType, bytes: bytes.subarray(offset, offset + length), time })
  }
  try {
    if (view.getUint32(0) === SECTION_HEADER) readPcapng(view, add)
    else readPcap(view, add)
    return { packets }
  } catch (error) {
    // A DataView throws a RangeError where the file has ended.
    const trouble = error instanceof Damage ? error.message : 'the file ends within a packet'
    return { packets, trouble }
  }
}

type Add = (linkType: number, offset: number, length: number, time?: bigint) => void

class Damage extends Error {}

/** True: little-endian. Undefined: no pcap file. The two magic numbers say how fine its times are. */
function pcapOrder(view: DataView): boolean | undefined {
  for (const little of [true, false]) {
    const magic = view.getUint32(0, little)
    if (magic === PCAP_MICROSECONDS || magic === PCAP_NANOSECONDS) return little
  }
  return undefined
}

function readPcap(view: DataView, add: Add): void {
  const little = pcapOrder(view)
  if (little === undefined) throw new Damage('it is no capture file')
  // The upper bits say whether there is a checksum behind each packet.
  const linkType = view.getUint32(20, little) & 0xffff
  const unit = view.getUint32(0, little) === PCAP_NANOSECONDS ? 1n : 1000n
  for (let at = 24; at < view.byteLength; ) {
    const length = view.getUint32(at + 8, little)
    const time = BigInt(view.getUint32(at, little)) * SECOND + BigInt(view.getUint32(at + 4, little)) * unit
    at += 16
    checkFits(view, at, length)
    add(linkType, at, length, time)
    at += length
  }
}

/** Sections, one after the other, each in its own byte order and with its own interfaces. */
function readPcapng(view: DataView, add: Add): void {
  let little = true
  let interfaces: { linkType: number; limit: number; perSecond: bigint }[] = []
  const interfaceOf = (index: number) => {
    const found = interfaces[index]
    if (!found) throw new Damage(`a packet is of interface ${index}, which the file does not describe`)
    return found
  }
  for (let at = 0; at < view.byteLength; ) {
    if (view.getUint32(at) === SECTION_HEADER) {
      little = view.getUint32(at + 8, true) === BYTE_ORDER
      if (!little && view.getUint32(at + 8) !== BYTE_ORDER) throw new Damage('a section has no byte order')
      interfaces = []
    }
    const type = view.getUint32(at, little)
    const length = view.getUint32(at + 4, little)
    if (length < 12 || length % 4 !== 0) throw new Damage(`a block has the length ${length}`)
    checkFits(view, at, length)
    const body = at + 8
    const addWithin: Add = (linkType, offset, count, time) => {
      if (offset + count > at + length) throw new Damage('a packet is longer than its block')
      add(linkType, offset, count, time)
    }
    if (type === INTERFACE) {
      const perSecond = unitsPerSecond(view, body + 8, at + length - 4, little)
      interfaces.push({ linkType: view.getUint16(body, little), limit: view.getUint32(body + 4, little), perSecond })
    } else if (type === ENHANCED_PACKET) {
      const { linkType, perSecond } = interfaceOf(view.getUint32(body, little))
      addWithin(linkType, body + 20, view.getUint32(body + 12, little), timeOf(view, body + 4, little, perSecond))
    } else if (type === SIMPLE_PACKET) {
      const { linkType, limit } = interfaceOf(0)
      const original = view.getUint32(body, little)
      addWithin(linkType, body + 4, limit ? Math.min(original, limit) : original)
    } else if (type === OLD_PACKET) {
      const { linkType, perSecond } = interfaceOf(view.getUint16(body, little))
      addWithin(linkType, body + 20, view.getUint32(body + 12, little), timeOf(view, body + 4, little, perSecond))
    }
    at += length
  }
}

/** An interface's option says how fine its times are: a power of ten, or of two. By default, microseconds. */
function unitsPerSecond(view: DataView, start: number, end: number, little: boolean): bigint {
  for (let at = start; at + 4 < end; ) {
    const code = view.getUint16(at, little)
    const length = view.getUint16(at + 2, little)
    if (code === END_OF_OPTIONS) break
    if (code === TIME_RESOLUTION && length === 1) {
      const power = view.getUint8(at + 4)
      return (power & 0x80 ? 2n : 10n) ** BigInt(power & 0x7f)
    }
    at += 4 + length + (-length & 3)
  }
  return 1_000_000n
}

function timeOf(view: DataView, at: number, little: boolean, perSecond: bigint): bigint {
  const units = (BigInt(view.getUint32(at, little)) << 32n) | BigInt(view.getUint32(at + 4, little))
  return (units * SECOND) / perSecond
}

function checkFits(view: DataView, at: number, length: number): void {
  if (at + length > view.byteLength) throw new Damage('the file ends within a packet')
}

const PCAP_MICROSECONDS = 0xa1b2c3d4
const PCAP_NANOSECONDS = 0xa1b23c4d
const SECOND = 1_000_000_000n
const END_OF_OPTIONS = 0
const TIME_RESOLUTION = 9
const SECTION_HEADER = 0x0a0d0d0a
const BYTE_ORDER = 0x1a2b3c4d
const INTERFACE = 1
const OLD_PACKET = 2
const SIMPLE_PACKET = 3
const ENHANCED_PACKET = 6
