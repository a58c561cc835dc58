// From TCP segments, in the order in which they were captured, to the byte streams of their connections.

import type { Packet } from './capture.js'
import { joined } from './joined.js'
import { type Segment, segmentOf } from './segment.js'

/** One direction of a connection. */
export interface Stream {
  /** From its start to its end, or to the first byte that was not captured. */
  readonly bytes: Uint8Array
  /** Whether bytes are missing behind these: they were not captured. */
  readonly gap: boolean
  /** Which packet brought the byte at this offset. */
  packetOf(offset: number): number
}

/** One connection in a capture: what each end has sent. */
export interface Connection {
  /** `address:port` of who opened it. */
  readonly client: string
  readonly server: string
  readonly toServer: Stream
  readonly toClient: Stream
  /** Whether its opening was captured: else the first bytes are those that were seen first. */
  readonly whole: boolean
}

/** The TCP connections among the packets, in the order in which they were opened. */
export function connectionsOf(packets: Iterable<Packet>): Connection[] {
  const all: Open[] = []
  const present = new Map<string, Open>()
  for (const packet of packets) {
    const segment = segmentOf(packet)
    if (!segment) continue
    const { from, to } = segment
    const name = from < to ? `${from} ${to}` : `${to} ${from}`
    let open = present.get(name)
    // The same two ports once more.
    if (!open || (isOpening(segment) && open.initial !== undefined && open.initial !== segment.sequence)) {
      open = {
        client: isAnswer(segment) ? to : from,
        server: isAnswer(segment) ? from : to,
        initial: undefined,
        segments: [],
      }
      all.push(open)
      present.set(name, open)
    }
    if (isOpening(segment)) open.initial = segment.sequence
    open.segments.push(segment)
  }
  return all.map(assemble)
}

/** A connection whose segments are being gathered. */
interface Open {
  client: string
  server: string
  /** The sequence number of the client's SYN. */
  initial: number | undefined
  segments: Segment[]
}

function isOpening({ syn, ack }: Segment): boolean {
  return syn && !ack
}

function isAnswer({ syn, ack }: Segment): boolean {
  return syn && ack
}

function assemble({ client, server, initial, segments }: Open): Connection {
  const toServer = streamOf(segments.filter(it => it.from === client))
  const toClient = streamOf(segments.filter(it => it.from !== client))
  return { client, server, toServer, toClient, whole: initial !== undefined }
}

/** Some bytes of a stream, and which packet brought them. */
interface Brought {
  data: Uint8Array
  packet: number
}

interface Piece extends Brought {
  offset: number
}

/** Puts the segments in order, by their sequence numbers; what was sent twice counts once. */
function streamOf(segments: readonly Segment[]): Stream {
  const syn = segments.find(it => it.syn)
  const pieces = piecesOf(segments, syn)
  pieces.sort((a, b) => a.offset - b.offset || a.packet - b.packet)
  let end = syn ? 0 : (pieces[0]?.offset ?? 0)
  const taken: Brought[] = []
  let gap = false
  for (const { offset, data, packet } of pieces) {
    if (offset > end) {
      gap = true
      break
    }
    const fresh = data.subarray(end - offset)
    if (fresh.length === 0) continue
    taken.push({ data: fresh, packet })
    end += fresh.length
  }
  return streamFrom(taken, gap)
}

/** A stream whose pieces are in order. */
export function streamFrom(pieces: readonly Brought[], gap: boolean): Stream {
  let end = 0
  const placed = pieces.map(it => {
    const offset = end
    end += it.data.length
    return { ...it, offset }
  })
  return {
    bytes: joined(placed.map(it => it.data)),
    gap,
    packetOf: offset => pieceAt(placed, offset)?.packet ?? 0,
  }
}

/** Sequence numbers wrap after 4 GiB: each counts from the one before it. */
function piecesOf(segments: readonly Segment[], syn: Segment | undefined): Piece[] {
  const [first] = segments
  if (!first) return []
  const base = syn ? syn.sequence + 1 : first.sequence
  let last = 0
  return segments
    .filter(it => it.data.length > 0)
    .map(({ sequence, data, packet }) => {
      last += (sequence - base - last) | 0
      return { offset: last, data, packet }
    })
}

/** The last piece that starts at or ahead of an offset. */
function pieceAt(pieces: readonly Piece[], offset: number): Piece | undefined {
  let [low, high] = [0, pieces.length]
  while (low < high) {
    const middle = (low + high) >> 1
    if ((pieces[middle]?.offset ?? 0) <= offset) low = middle + 1
    else high = middle
  }
  return pieces[low - 1]
}
