// Capture files and packets of every kind, made here byte by byte: both formats, both byte orders, links, IP versions, TCP's disorder,
// and files that are cut or damaged.

import { randomBytes, randomInt } from 'node:crypto'
import { test } from 'uvu'
import * as assert from 'uvu/assert'
import { segmentOf } from '../../src/inspect/capture/segment.js'
import { connectionsOf, isCapture, type Packet, readCapture } from '../../src/inspect/index.js'

const CUT = 'the file ends within a packet'
const PAYLOAD = Buffer.from('payload')

/** Numbers of 1, 2 or 4 bytes, and bytes as they are. */
type Part = Uint8Array | { u8: number } | { u16: number } | { u32: number }
const u8 = (value: number) => ({ u8: value })
const u16 = (value: number) => ({ u16: value })
const u32 = (value: number) => ({ u32: value })

function bytesOf(little: boolean, ...parts: Part[]): Buffer {
  return Buffer.concat(
    parts.map(part => {
      if (part instanceof Uint8Array) return part
      const [[width, value] = ['u8', 0]] = Object.entries(part) as [string, number][]
      const bytes = Buffer.alloc({ u8: 1, u16: 2, u32: 4 }[width] ?? 0)
      if (little) bytes.writeUIntLE(value, 0, bytes.length)
      else bytes.writeUIntBE(value, 0, bytes.length)
      return bytes
    }),
  )
}

function pcap(little: boolean, magic: number, linkType: number, packets: Uint8Array[]): Buffer {
  const head = bytesOf(little, u32(magic), u16(2), u16(4), u32(0), u32(0), u32(65535), u32(linkType))
  const each = packets.map(it => bytesOf(little, u32(1), u32(2), u32(it.length), u32(it.length + 10), it))
  return Buffer.concat([head, ...each])
}

function block(little: boolean, type: number, ...parts: Part[]): Buffer {
  const body = bytesOf(little, ...parts)
  const padded = Buffer.concat([body, Buffer.alloc(-body.length & 3)])
  return bytesOf(little, u32(type), u32(padded.length + 12), padded, u32(padded.length + 12))
}

const section = (little: boolean) =>
  block(little, 0x0a0d0d0a, u32(0x1a2b3c4d), u16(1), u16(0), u32(0xffffffff), u32(0xffffffff))
const interfaceOf = (little: boolean, linkType: number, limit = 0) =>
  block(little, 1, u16(linkType), u16(0), u32(limit))
const enhanced = (little: boolean, index: number, it: Uint8Array, length = it.length) =>
  block(little, 6, u32(index), u32(1), u32(2), u32(length), u32(it.length + 10), it)
const old = (little: boolean, index: number, it: Uint8Array) =>
  block(little, 2, u16(index), u16(0), u32(1), u32(2), u32(it.length), u32(it.length + 10), it)
const simple = (little: boolean, original: number, it: Uint8Array) => block(little, 3, u32(original), it)

/** As text, for comparison. */
function found(file: Uint8Array): { packets: string[]; trouble?: string | undefined } {
  const { packets, trouble } = readCapture(file)
  return {
    packets: packets.map(({ number, linkType, bytes }) => `${number} ${linkType} ${Buffer.from(bytes)}`),
    ...(trouble !== undefined && { trouble }),
  }
}

const ONE = Buffer.from('one')
const TWO = Buffer.from('second')

for (const little of [true, false]) {
  const order = little ? 'little-endian' : 'big-endian'

  test(`pcap, ${order}: packets, with times of µs or ns, and checksums announced`, () => {
    for (const magic of [0xa1b2c3d4, 0xa1b23c4d]) {
      const file = pcap(little, magic, 0x10000001, [ONE, new Uint8Array(), TWO])
      assert.ok(isCapture(file))
      assert.equal(found(file), { packets: ['1 1 one', '2 1 ', '3 1 second'] })
    }
  })

  test(`pcap, ${order}: cut anywhere, it has the packets ahead of the cut`, () => {
    const file = pcap(little, 0xa1b2c3d4, 101, [ONE, TWO])
    const ends = [24, 24 + 16 + 3, 24 + 16 + 3 + 16 + 6]
    for (let length = 0; length < file.length; length++) {
      const { packets, trouble } = found(file.subarray(0, length))
      assert.equal(
        packets,
        ['1 101 one', '2 101 second'].slice(0, Math.max(0, ends.filter(it => it <= length).length - 1)),
      )
      if (length >= 4) assert.is(trouble, ends.includes(length) ? undefined : CUT, `${length} bytes`)
    }
  })

  test(`pcapng, ${order}: packets of every kind of block`, () => {
    const parts = [
      section(little),
      interfaceOf(little, 1, 4),
      interfaceOf(little, 113),
      enhanced(little, 1, ONE),
      // Statistics of an interface, which are passed over.
      block(little, 5, u32(0), u32(1), u32(2)),
      enhanced(little, 0, TWO),
      old(little, 1, TWO),
      simple(little, 100, Buffer.from('limi')),
      simple(little, 3, ONE),
    ]
    const packets = ['1 113 one', '2 1 second', '3 113 second', '4 1 limi', '5 1 one']
    const file = Buffer.concat(parts)
    assert.ok(isCapture(file))
    assert.equal(found(file), { packets })
    // Without a limit the packet is as long as it was.
    const whole = Buffer.concat([section(little), interfaceOf(little, 0), simple(little, 6, TWO)])
    assert.equal(found(whole), { packets: ['1 0 second'] })
    // A view into something longer.
    const within = Buffer.concat([Buffer.alloc(5, 1), file, Buffer.alloc(5, 1)])
    assert.equal(found(within.subarray(5, 5 + file.length)), { packets })
    // Cut anywhere, it has the blocks ahead of the cut.
    const ends = parts.map((_, at) => Buffer.concat(parts.slice(0, at + 1)).length)
    for (let length = 8; length < file.length; length++) {
      const cut = found(file.subarray(0, length))
      const blocks = ends.filter(it => it <= length).length
      assert.equal(cut.packets, packets.slice(0, [0, 0, 0, 0, 1, 1, 2, 3, 4][blocks]))
      assert.is(cut.trouble, ends.includes(length) ? undefined : CUT, `${length} bytes`)
    }
  })

  test(`pcapng, ${order}: what is damaged is named, and what was ahead of it is there`, () => {
    const ahead = Buffer.concat([section(little), interfaceOf(little, 1), enhanced(little, 0, ONE)])
    const damaged = (...parts: Uint8Array[]) => found(Buffer.concat([ahead, ...parts]))
    const packets = ['1 1 one']
    for (const index of [1, 7]) {
      const trouble = `a packet is of interface ${index}, which the file does not describe`
      assert.equal(damaged(enhanced(little, index, TWO)), { packets, trouble })
      assert.equal(damaged(old(little, index, TWO)), { packets, trouble })
    }
    for (const length of [0, 8, 11, 13, 14, 15]) {
      const bad = bytesOf(little, u32(9), u32(length), new Uint8Array(40))
      assert.equal(damaged(bad), { packets, trouble: `a block has the length ${length}` })
    }
    assert.equal(damaged(bytesOf(little, u32(9), u32(12), u32(12))), { packets })
    // 6 bytes, 2 of padding and the block's length behind: a packet of 13 bytes is none.
    assert.equal(damaged(enhanced(little, 0, TWO, 13)), { packets, trouble: 'a packet is longer than its block' })
    assert.is(damaged(enhanced(little, 0, TWO, 12)).packets.length, 2)
    const nameless = block(little, 0x0a0d0d0a, u32(0x11111111), u32(0), u32(0), u32(0))
    assert.equal(damaged(nameless), { packets, trouble: 'a section has no byte order' })
  })
}

test('pcapng: each section has its own byte order and interfaces', () => {
  const file = Buffer.concat([
    section(true),
    interfaceOf(true, 1),
    interfaceOf(true, 12),
    enhanced(true, 1, ONE),
    section(false),
    interfaceOf(false, 113),
    enhanced(false, 0, TWO),
    section(true),
    enhanced(true, 0, ONE),
  ])
  const trouble = 'a packet is of interface 0, which the file does not describe'
  assert.equal(found(file), { packets: ['1 12 one', '2 113 second'], trouble })
})

test('what is no capture', () => {
  for (const file of ['', 'GET', 'GET / HTTP/1.1\r\n', 'npk2 and more than twenty-four bytes']) {
    assert.not.ok(isCapture(Buffer.from(file)))
    assert.is(readCapture(Buffer.from(file)).packets.length, 0)
  }
  assert.is(found(Buffer.from('GET / HTTP/1.1\r\n')).trouble, 'it is no capture file')
  assert.ok(isCapture(Buffer.from('0a0d0d0a', 'hex')))
  for (const magic of ['a1b2c3d4', 'd4c3b2a1', 'a1b23c4d', '4d3cb2a1']) assert.ok(isCapture(Buffer.from(magic, 'hex')))
})

interface Tcp {
  from?: number
  to?: number
  sequence?: number
  flags?: number
  options?: Uint8Array
  data?: Uint8Array
}
const FIN = 1
const SYN = 2
const RST = 4
const ACK = 16

/** In network byte order, as all that follows. */
function tcp({
  from = 1000,
  to = 443,
  sequence = 7,
  flags = ACK,
  options = Buffer.alloc(0),
  data = PAYLOAD,
}: Tcp = {}) {
  const head = [u16(from), u16(to), u32(sequence), u32(99), u8(((20 + options.length) / 4) << 4), u8(flags)]
  return bytesOf(false, ...head, u16(1), u16(2), u16(3), options, data)
}

interface Ipv4 {
  source?: string
  target?: string
  fragment?: number
  protocol?: number
  length?: number
  options?: Uint8Array
}
function ipv4(segment: Uint8Array, it: Ipv4 = {}): Buffer {
  const {
    source = '10.0.0.1',
    target = '192.168.200.255',
    fragment = 0x4000,
    protocol = 6,
    options = Buffer.alloc(0),
  } = it
  const words = 5 + options.length / 4
  const { length = 4 * words + segment.length } = it
  const head = [u8(0x40 | words), u8(0), u16(length), u16(5), u16(fragment), u8(64), u8(protocol), u16(0)]
  const address = (text: string) => Buffer.from(text.split('.').map(Number))
  return bytesOf(false, ...head, address(source), address(target), options, segment)
}

function ipv6(segment: Uint8Array, { source = '', target = '', next = 6, length = segment.length } = {}): Buffer {
  const address = (text: string) => bytesOf(false, ...text.split(':').map(it => u16(Number.parseInt(it, 16))))
  const head = [u32(0x60000000), u16(length), u8(next), u8(64)]
  return bytesOf(false, ...head, address(source || '0:0:0:0:0:0:0:1'), address(target || 'fe80:0:0:0:0:0:0:2'), segment)
}

const read = (bytes: Uint8Array, linkType = 101) => segmentOf({ number: 3, linkType, bytes })
const whole = {
  from: '10.0.0.1:1000',
  to: '192.168.200.255:443',
  sequence: 7,
  syn: false,
  ack: true,
  fin: false,
  rst: false,
  packet: 3,
}

function checkSegment(bytes: Uint8Array, linkType: number, expected: object, data: Uint8Array = PAYLOAD): void {
  const segment = read(bytes, linkType)
  assert.ok(segment, `link type ${linkType}`)
  const { data: is, ...rest } = segment
  assert.equal(rest, expected)
  assert.equal(Buffer.from(is), Buffer.from(data))
}

test('link layers', () => {
  const packet = ipv4(tcp())
  for (const linkType of [12, 14, 101, 228, 229]) checkSegment(packet, linkType, whole)
  for (const linkType of [0, 108]) checkSegment(Buffer.concat([Buffer.alloc(4, 2), packet]), linkType, whole)
  checkSegment(Buffer.concat([Buffer.alloc(16, 2), packet]), 113, whole)
  checkSegment(Buffer.concat([Buffer.alloc(20, 2), packet]), 276, whole)
  const ethernet = (...types: number[]) => bytesOf(false, Buffer.alloc(12, 2), ...types.map(u16))
  checkSegment(Buffer.concat([ethernet(0x0800), packet]), 1, whole)
  for (const tag of [0x8100, 0x88a8, 0x9100]) {
    checkSegment(Buffer.concat([ethernet(tag, 5, 0x0800), packet]), 1, whole)
    checkSegment(Buffer.concat([ethernet(tag, 5, 0x8100, 6, 0x0800), packet]), 1, whole)
  }
  const six = { ...whole, from: '[::1]:1000', to: '[fe80::2]:443' }
  checkSegment(Buffer.concat([ethernet(0x86dd), ipv6(tcp())]), 1, six)
  checkSegment(ipv6(tcp()), 101, six)
  assert.is(read(Buffer.concat([ethernet(0x0806), packet]), 1), undefined, 'ARP')
  for (const linkType of [2, 105, 147, 227, 230, 275, 277]) assert.is(read(packet, linkType), undefined)
  for (const version of [0x05, 0x55, 0x75]) {
    const other = Buffer.from(packet)
    other[0] = version
    assert.is(read(other), undefined, 'neither IPv4 nor IPv6')
  }
})

test('IPv4: options, lengths, fragments, other protocols', () => {
  checkSegment(ipv4(tcp(), { options: Buffer.alloc(8, 1) }), 101, whole)
  const segment = tcp()
  // What a network card pads a short packet with is none of its bytes.
  checkSegment(Buffer.concat([ipv4(segment), Buffer.alloc(6, 9)]), 101, whole)
  checkSegment(ipv4(segment, { length: 0 }), 101, whole)
  // Captured as far as it goes.
  checkSegment(ipv4(segment).subarray(0, -3), 101, whole, PAYLOAD.subarray(0, -3))
  checkSegment(ipv4(segment).subarray(0, 40), 101, whole, Buffer.alloc(0))
  assert.is(read(ipv4(segment).subarray(0, 33)), undefined, 'not as far as its flags')
  for (const fragment of [0x2000, 0x0001, 0x1fff]) assert.is(read(ipv4(segment, { fragment })), undefined)
  for (const fragment of [0, 0x4000, 0x8000]) assert.ok(read(ipv4(segment, { fragment })))
  for (const protocol of [1, 17]) assert.is(read(ipv4(segment, { protocol })), undefined)
})

test('IPv6: extension headers, lengths, and addresses as they are written', () => {
  const six = { ...whole, from: '[::1]:1000', to: '[fe80::2]:443' }
  const chain = Buffer.concat([
    bytesOf(false, u8(43), u8(0), new Uint8Array(6)),
    bytesOf(false, u8(60), u8(1), new Uint8Array(14)),
    bytesOf(false, u8(6), u8(2), new Uint8Array(22)),
    tcp(),
  ])
  checkSegment(ipv6(chain, { next: 0 }), 101, six)
  checkSegment(Buffer.concat([ipv6(tcp()), Buffer.alloc(6, 9)]), 101, six)
  checkSegment(ipv6(tcp(), { length: 0 }), 101, six)
  checkSegment(ipv6(tcp()).subarray(0, -3), 101, six, PAYLOAD.subarray(0, -3))
  // 44: a fragment.
  for (const next of [44, 17, 58]) assert.is(read(ipv6(tcp(), { next })), undefined)
  const written = {
    '0:0:0:0:0:0:0:0': '[::]',
    '0:0:0:0:0:0:0:1': '[::1]',
    '1:0:0:0:0:0:0:0': '[1::]',
    '2001:db8:0:0:1:0:0:1': '[2001:db8::1:0:0:1]',
    '2001:db8:0:1:0:0:0:1': '[2001:db8:0:1::1]',
    '0:0:1:0:0:0:2:3': '[0:0:1::2:3]',
    '1:0:2:3:4:5:6:7': '[1:0:2:3:4:5:6:7]',
    '10:0:0:20:30:40:50:60': '[10::20:30:40:50:60]',
    'fe80:abcd:1234:5678:9abc:def0:1:2': '[fe80:abcd:1234:5678:9abc:def0:1:2]',
  }
  for (const [source, text] of Object.entries(written)) {
    checkSegment(ipv6(tcp(), { source }), 101, { ...six, from: `${text}:1000` })
    checkSegment(ipv6(tcp(), { target: source }), 101, { ...six, to: `${text}:443` })
  }
})

test('TCP: each flag, options, sequence numbers', () => {
  const flags = { fin: FIN, syn: SYN, rst: RST, ack: ACK }
  for (const [name, bit] of Object.entries(flags)) {
    const none = { ...whole, ack: false }
    checkSegment(ipv4(tcp({ flags: bit })), 101, { ...none, [name]: true })
    checkSegment(ipv4(tcp({ flags: 0xff & ~bit })), 101, { ...whole, fin: true, syn: true, rst: true, [name]: false })
  }
  const given = { from: 65535, to: 1, sequence: 0xfffffffe, options: Buffer.alloc(12, 1) }
  checkSegment(ipv4(tcp(given)), 101, {
    ...whole,
    from: '10.0.0.1:65535',
    to: '192.168.200.255:1',
    sequence: 0xfffffffe,
  })
})

/** Packets of one connection, numbered as they come. */
function packetsOf(...segments: (Tcp & { back?: boolean })[]): Packet[] {
  return segments.map(({ back, from = 1000, to = 443, ...rest }, at) => {
    const ends = back ? { from: to, to: from } : { from, to }
    const addresses = back ? { source: '10.0.0.2', target: '10.0.0.1' } : { source: '10.0.0.1', target: '10.0.0.2' }
    return { number: at + 1, linkType: 101, bytes: ipv4(tcp({ ...rest, ...ends }), addresses) }
  })
}

const NONE = Buffer.alloc(0)
const text = (bytes: Uint8Array) => Buffer.from(bytes).toString()
const said = (packets: Packet[]) =>
  connectionsOf(packets).map(it => ({
    client: it.client,
    server: it.server,
    whole: it.whole,
    toServer: `${text(it.toServer.bytes)}${it.toServer.gap ? '…' : ''}`,
    toClient: `${text(it.toClient.bytes)}${it.toClient.gap ? '…' : ''}`,
  }))
const between = { client: '10.0.0.1:1000', server: '10.0.0.2:443' }
const data = (sequence: number, what: string, rest: object = {}) => ({ sequence, data: Buffer.from(what), ...rest })
const opening = [
  { sequence: 100, flags: SYN, data: NONE },
  { sequence: 500, flags: SYN | ACK, data: NONE, back: true },
]

test('a connection: both directions, in order, out of order, twice', () => {
  const expected = [{ ...between, whole: true, toServer: 'abcdefgh', toClient: 'reply' }]
  const answers = data(501, 'reply', { back: true })
  const orders = [
    [data(101, 'abc'), data(104, 'def'), data(107, 'gh')],
    [data(107, 'gh'), data(101, 'abc'), data(104, 'def')],
    [data(101, 'abc'), data(101, 'abc'), data(103, 'cdef'), data(102, 'bcd'), data(101, 'abcdefgh')],
  ]
  for (const order of orders) assert.equal(said(packetsOf(...opening, ...order, answers)), expected)
  // A SYN that is sent again opens nothing.
  const [syn, answer] = opening
  assert.equal(said(packetsOf(syn!, syn!, answer!, ...orders[0]!, answers)), expected)
})

test('a keep-alive probe brings a byte that was there before', () => {
  const packets = packetsOf(...opening, data(101, 'abc'), data(103, 'x'), data(104, 'd'))
  assert.equal(said(packets), [{ ...between, whole: true, toServer: 'abcd', toClient: '' }])
})

test('which packet brought a byte', () => {
  const packets = packetsOf(...opening, data(104, 'def'), data(101, 'abc'), data(101, 'abcdefgh'))
  const [connection] = connectionsOf(packets)
  const { toServer, toClient } = connection!
  assert.is(text(toServer.bytes), 'abcdefgh')
  assert.equal(
    [0, 1, 2, 3, 4, 5, 6, 7].map(at => toServer.packetOf(at)),
    [4, 4, 4, 5, 5, 5, 5, 5],
  )
  assert.is(toClient.packetOf(0), 0, 'nothing came')
})

test('what was not captured ends a direction', () => {
  const gap = packetsOf(...opening, data(101, 'abc'), data(105, 'ef'), data(501, 're', { back: true }))
  assert.equal(said(gap), [{ ...between, whole: true, toServer: 'abc…', toClient: 're' }])
  assert.equal(said(packetsOf(...opening, data(102, 'bc'))), [{ ...between, whole: true, toServer: '…', toClient: '' }])
  // Without its opening, a direction starts with what was seen first, and a packet ahead of that is in its place.
  const late = packetsOf(data(203, 'cd'), data(201, 'ab'), data(205, 'ef'), data(900, 're', { back: true }))
  assert.equal(said(late), [{ ...between, whole: false, toServer: 'abcdef', toClient: 're' }])
  // The answer to a SYN says who opened it.
  assert.equal(said(packetsOf(opening[1]!, data(101, 'ab'))), [
    { ...between, whole: false, toServer: 'ab', toClient: '' },
  ])
  assert.equal(connectionsOf([{ number: 1, linkType: 101, bytes: NONE }]), [])
})

test('sequence numbers that wrap', () => {
  const near = 0xffffffff - 4
  const packets = packetsOf(
    { sequence: near, flags: SYN, data: NONE },
    data(near + 1, 'abc'),
    data((near + 4) >>> 0, 'def'),
    data((near + 7) % 2 ** 32, 'gh'),
  )
  assert.equal(said(packets), [{ ...between, whole: true, toServer: 'abcdefgh', toClient: '' }])
})

test('several connections, and the same ports once more', () => {
  const packets = packetsOf(
    ...opening,
    { sequence: 1, flags: SYN, data: NONE, from: 2000 },
    data(101, 'first'),
    data(2, 'other', { from: 2000 }),
    { sequence: 9000, flags: SYN, data: NONE },
    data(9001, 'again'),
  )
  assert.equal(said(packets), [
    { ...between, whole: true, toServer: 'first', toClient: '' },
    { ...between, client: '10.0.0.1:2000', whole: true, toServer: 'other', toClient: '' },
    { ...between, whole: true, toServer: 'again', toClient: '' },
  ])
})

test('no bytes make it throw', () => {
  const whole = pcap(true, 0xa1b2c3d4, 101, [ipv4(tcp()), ipv6(tcp())])
  const parts = [section(true), interfaceOf(true, 101), enhanced(true, 0, ipv4(tcp())), simple(true, 99, ipv6(tcp()))]
  for (const file of [whole, Buffer.concat(parts)]) {
    for (let round = 0; round < 2000; round++) {
      const damaged = Buffer.from(file)
      for (let changes = 0; changes <= round % 4; changes++) damaged[randomInt(file.length)] = randomInt(256)
      connectionsOf(readCapture(damaged).packets)
    }
  }
  for (let round = 0; round < 500; round++) {
    const bytes = randomBytes(round)
    isCapture(bytes)
    readCapture(bytes)
    for (const linkType of [0, 1, 101, 113, 276]) connectionsOf([{ number: 1, linkType, bytes }])
  }
})

test.run()
