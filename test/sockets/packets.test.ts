// Capture files and packets of every kind, made here byte by byte: both formats, both byte orders, links, IP versions, TCP's disorder.

import { randomBytes } from 'node:crypto'
import { test } from 'uvu'
import * as assert from 'uvu/assert'
import { connectionsOf, isCapture, type Packet, readCapture } from '../../src/inspect/index.js'

/** Numbers as `8:7`, `16:0x800`, `32:1`: width and value. */
function numbers(little: boolean, ...items: string[]): Buffer {
  return Buffer.concat(
    items.map(item => {
      const [width, value] = item.split(':').map(Number) as [number, number]
      const bytes = Buffer.alloc(width / 8)
      if (little) bytes.writeUIntLE(value, 0, width / 8)
      else bytes.writeUIntBE(value, 0, width / 8)
      return bytes
    }),
  )
}

const big = (...items: string[]) => numbers(false, ...items)
const text = (value: string) => Buffer.from(value)

interface TcpFields {
  from?: number
  to?: number
  sequence: number
  flags?: number
  data?: Buffer
}

const SYN = 2
const ACK = 16

function tcp({ from = 1000, to = 4433, sequence, flags = ACK, data = Buffer.alloc(0) }: TcpFields): Buffer {
  // With four bytes of options.
  return Buffer.concat([
    big(`16:${from}`, `16:${to}`, `32:${sequence >>> 0}`, '32:0', '8:96', `8:${flags}`, '16:0', '32:0', '32:0'),
    data,
  ])
}

function ip4(payload: Buffer, { protocol = 6, fragment = 0, length = 20 + payload.length } = {}): Buffer {
  return Buffer.concat([
    big(
      '8:0x45',
      '8:0',
      `16:${length}`,
      '16:0',
      `16:${fragment}`,
      '8:64',
      `8:${protocol}`,
      '16:0',
      '32:0x7f000001',
      '32:0x0a000002',
    ),
    payload,
  ])
}

function ip6(payload: Buffer, extension?: Buffer): Buffer {
  const inner = extension ? Buffer.concat([extension, payload]) : payload
  const address = (last: number) =>
    Buffer.concat([Buffer.from('20010db8', 'hex'), Buffer.alloc(11), Buffer.from([last])])
  return Buffer.concat([
    big('32:0x60000000', `16:${inner.length}`, `8:${extension ? 0 : 6}`, '8:64'),
    address(1),
    address(2),
    inner,
  ])
}

function ethernet(type: string, payload: Buffer): Buffer {
  return Buffer.concat([Buffer.alloc(12), Buffer.from(type, 'hex'), payload])
}

function pcap(packets: Buffer[], { little = true, magic = 0xa1b2c3d4, link = 1 } = {}): Buffer {
  const n = (...items: string[]) => numbers(little, ...items)
  const records = packets.map(it => Buffer.concat([n('32:1', '32:2', `32:${it.length}`, `32:${it.length}`), it]))
  return Buffer.concat([n(`32:${magic}`, '16:2', '16:4', '32:0', '32:0', '32:65535', `32:${link}`), ...records])
}

function block(little: boolean, type: number, body: Buffer): Buffer {
  const padded = Buffer.concat([body, Buffer.alloc((4 - (body.length % 4)) % 4)])
  const n = (...items: string[]) => numbers(little, ...items)
  return Buffer.concat([n(`32:${type}`, `32:${padded.length + 12}`), padded, n(`32:${padded.length + 12}`)])
}

function section(little: boolean, ...blocks: Buffer[]): Buffer {
  const head = block(
    little,
    0x0a0d0d0a,
    numbers(little, '32:0x1a2b3c4d', '16:1', '16:0', '32:0xffffffff', '32:0xffffffff'),
  )
  return Buffer.concat([head, ...blocks])
}

function describeInterface(little: boolean, link: number, limit = 0): Buffer {
  return block(little, 1, numbers(little, `16:${link}`, '16:0', `32:${limit}`))
}

/** The bytes that packets carry to the server. */
function carried(packets: Packet[]): string {
  return connectionsOf(packets)
    .map(it => Buffer.from(it.toServer.bytes).toString())
    .join('|')
}

const packet = ethernet('0800', ip4(tcp({ sequence: 1, data: text('carried') })))

test('pcap in both byte orders, with micro- and nanoseconds', () => {
  for (const little of [true, false]) {
    for (const magic of [0xa1b2c3d4, 0xa1b23c4d]) {
      const file = pcap([packet, packet], { little, magic })
      assert.is(isCapture(file), true)
      const { packets, trouble } = readCapture(file)
      assert.is(trouble, undefined)
      assert.equal(
        packets.map(it => it.number),
        [1, 2],
      )
      assert.is(carried(packets), 'carried')
    }
  }
})

test('pcapng: sections of both byte orders, three kinds of packet blocks, and blocks that are passed over', () => {
  for (const little of [true, false]) {
    const n = (...items: string[]) => numbers(little, ...items)
    const at = (length: number) => [`32:${length}`, `32:${length}`]
    const enhanced = block(little, 6, Buffer.concat([n('32:1', '32:0', '32:0', ...at(packet.length)), packet]))
    const simple = block(little, 3, Buffer.concat([n(`32:${packet.length}`), packet]))
    const old = block(little, 2, Buffer.concat([n('16:1', '16:0', '32:0', '32:0', ...at(packet.length)), packet]))
    const secrets = block(little, 10, Buffer.from('something'))
    const file = section(
      little,
      describeInterface(little, 1),
      secrets,
      describeInterface(little, 1),
      enhanced,
      simple,
      old,
    )
    const other = section(
      !little,
      describeInterface(!little, 101),
      block(
        !little,
        6,
        Buffer.concat([numbers(!little, '32:0', '32:0', '32:0', '32:44', '32:44'), ip4(tcp({ sequence: 1 }))]),
      ),
    )
    assert.is(isCapture(file), true)
    const { packets, trouble } = readCapture(Buffer.concat([file, other]))
    assert.is(trouble, undefined)
    assert.equal(
      packets.map(it => it.linkType),
      [1, 1, 1, 101],
    )
    assert.is(carried(packets.slice(0, 3)), 'carried')
    const limited = section(
      little,
      describeInterface(little, 1, 60),
      block(little, 3, Buffer.concat([n(`32:${packet.length}`), packet.subarray(0, 60)])),
    )
    assert.is(readCapture(limited).packets[0]!.bytes.length, 60)
  }
})

test('a link that is not known is not taken for IP, whatever its bytes look like', () => {
  const bytes = ip4(tcp({ sequence: 1, data: text('seen') }))
  assert.is(connectionsOf([{ number: 1, linkType: 101, bytes }]).length, 1)
  assert.equal(connectionsOf([{ number: 1, linkType: 147, bytes }]), [])
})

test('every link that is known, tags, both IP versions and their extensions', () => {
  const segment = tcp({ sequence: 1, data: text('seen') })
  const links: [number, Buffer][] = [
    [0, Buffer.concat([Buffer.from([2, 0, 0, 0]), ip4(segment)])],
    [108, Buffer.concat([Buffer.from([0, 0, 0, 24]), ip6(segment)])],
    [1, ethernet('0800', ip4(segment))],
    [1, ethernet('86dd', ip6(segment))],
    [1, ethernet('81000001', ethernet('0800', ip4(segment)).subarray(12))],
    [1, ethernet('88a80001', ethernet('81000001', ethernet('86dd', ip6(segment)).subarray(12)).subarray(12))],
    [1, ethernet('91000001', ethernet('0800', ip4(segment)).subarray(12))],
    [12, ip4(segment)],
    [101, ip6(segment)],
    [113, Buffer.concat([Buffer.alloc(16), ip4(segment)])],
    [276, Buffer.concat([Buffer.alloc(20), ip4(segment)])],
    [228, ip4(segment, { length: 0 })],
    [229, ip6(segment, Buffer.from([6, 0, 0, 0, 0, 0, 0, 0]))],
    // The padding behind a short packet is none of its data.
    [1, Buffer.concat([ethernet('0800', ip4(segment)), Buffer.alloc(10)])],
  ]
  for (const [link, bytes] of links)
    assert.is(carried(readCapture(pcap([bytes], { link })).packets), 'seen', `link ${link}`)
  const [connection] = connectionsOf([{ number: 1, linkType: 229, bytes: ip6(segment) }])
  assert.is(connection!.client, '[2001:db8::1]:1000')
  const none: [number, Buffer][] = [
    [1, ethernet('0806', Buffer.alloc(28))],
    [228, ip4(segment, { protocol: 17 })],
    [228, ip4(segment, { fragment: 0x2000 })],
    [228, ip4(segment, { fragment: 5 })],
    [147, ip4(segment)],
    [228, ip4(segment).subarray(0, 30)],
    [229, ip6(segment, Buffer.from([44, 0, 0, 0, 0, 0, 0, 0]))],
  ]
  for (const [link, bytes] of none) assert.equal(connectionsOf(readCapture(pcap([bytes], { link })).packets), [])
})

function packetsOf(...fields: TcpFields[]): Packet[] {
  return fields.map((it, at) => ({ number: at + 1, linkType: 228, bytes: ip4(tcp(it)) }))
}

test('disorder: late, doubled, overlapping and missing segments, and numbers that wrap', () => {
  const start = 0xfffffffa
  const at = (offset: number, data: string): TcpFields => ({ sequence: start + 1 + offset, data: text(data) })
  const opening = { sequence: start, flags: SYN }
  const says = (expected: string, ...fields: TcpFields[]) => assert.is(carried(packetsOf(...fields)), expected)
  says('abcdefghij', opening, at(0, 'abc'), at(3, 'defg'), at(7, 'hij'))
  says('abcdefghij', opening, at(7, 'hij'), at(3, 'defg'), at(0, 'abc'))
  says('abcdefghij', opening, at(0, 'abc'), at(0, 'abc'), at(1, 'bcdef'), at(2, 'c'), at(5, 'fghij'))
  says('abc', opening, at(0, 'abc'), at(4, 'efg'))
  // A keep-alive probe has a byte that was there before.
  says('abcd', opening, at(0, 'abc'), at(2, 'x'), at(3, 'd'))
  // Without its opening, it begins with what was seen.
  says('cde', at(4, 'e'), at(2, 'cd'))
  const [gap] = connectionsOf(packetsOf(opening, at(0, 'abc'), at(4, 'efg')))
  assert.is(gap!.toServer.gap, true)
  assert.is(gap!.whole, true)
  assert.is(gap!.toServer.packetOf(2), 2)
  const [joined] = connectionsOf(packetsOf(opening, at(3, 'def'), at(0, 'abc')))
  assert.is(joined!.toServer.gap, false)
  assert.equal(
    [0, 2, 3, 5].map(offset => joined!.toServer.packetOf(offset)),
    [3, 3, 2, 2],
  )
})

test('the same ports twice are two connections, and a repeated opening is one', () => {
  const packets = packetsOf(
    { sequence: 10, flags: SYN },
    { sequence: 10, flags: SYN },
    { sequence: 11, data: text('first') },
    { sequence: 90, flags: SYN },
    { sequence: 91, data: text('second') },
  )
  assert.is(carried(packets), 'first|second')
  const [answered] = connectionsOf(
    packetsOf({ from: 4433, to: 1000, sequence: 5, flags: SYN | ACK }, { sequence: 1, data: text('x') }),
  )
  assert.is(answered!.client, '10.0.0.2:1000')
})

test('a file that is cut or damaged gives what is there, and says so; no bytes make it throw', () => {
  const n = (...items: string[]) => numbers(true, ...items)
  const enhanced = block(true, 6, Buffer.concat([n('32:0', '32:0', '32:0', `32:${packet.length}`, '32:0'), packet]))
  for (const file of [pcap([packet, packet]), section(true, describeInterface(true, 1), enhanced, enhanced)]) {
    for (let length = 4; length < file.length; length++) {
      const { packets, trouble } = readCapture(file.subarray(0, length))
      assert.ok(packets.length < 2)
      if (trouble === undefined)
        assert.ok([24, 28].includes(length) || packets.length === 1 || length === 48, `${length}`)
      connectionsOf(packets)
    }
    for (let round = 0; round < 2000; round++) {
      const damaged = Buffer.from(file)
      for (let changes = 0; changes <= round % 4; changes++)
        damaged[randomBytes(2).readUInt16LE() % file.length] = randomBytes(1)[0]!
      connectionsOf(readCapture(damaged).packets)
    }
  }
  for (let round = 0; round < 500; round++) {
    const bytes = randomBytes(round)
    isCapture(bytes)
    readCapture(bytes)
    for (const linkType of [0, 1, 101, 113, 276]) connectionsOf([{ number: 1, linkType, bytes }])
  }
  assert.is(
    readCapture(section(true, enhanced)).trouble,
    'a packet is of interface 0, which the file does not describe',
  )
  assert.is(isCapture(text('npk2')), false)
})

test.run()
