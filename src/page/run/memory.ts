// What linear memory held at one moment: all of it. A page that did not change is kept once, so that a hundred moments cost little.

const PAGE_BYTES = 4096
// A channel's buffers have 65,792 bytes each.
const MOST_TAKEN = 524_288

/** All of linear memory as it was. Behind `extent` there are zeros. */
export interface Snapshot {
  readonly extent: number
  /** A copy of these bytes. */
  bytes(pointer: number, length: number): Uint8Array
}

/** Takes snapshots of one memory, one after the other. */
export function snapshots(memory: () => Uint8Array): () => Snapshot {
  let pages: Uint8Array[] = []
  let top: number | undefined
  return () => {
    const bytes = memory()
    // The first time all of it is looked at; from then on, as far as one piece of work can have taken more.
    const extent = extentOf(bytes, top === undefined ? bytes.length : Math.min(bytes.length, top + MOST_TAKEN))
    top = Math.max(top ?? 0, extent)
    const last = pages
    pages = Array.from({ length: Math.ceil(extent / PAGE_BYTES) }, (_, index) => {
      const page = bytes.subarray(index * PAGE_BYTES, (index + 1) * PAGE_BYTES)
      const before = last[index]
      return before && same(before, page) ? before : page.slice()
    })
    return snapshotOf(pages, extent)
  }
}

function snapshotOf(pages: readonly Uint8Array[], extent: number): Snapshot {
  return {
    extent,
    bytes(pointer, length) {
      const out = new Uint8Array(length)
      for (let at = 0; at < length; ) {
        const from = (pointer + at) % PAGE_BYTES
        const count = Math.min(length - at, PAGE_BYTES - from)
        const page = pages[Math.floor((pointer + at) / PAGE_BYTES)]
        if (page) out.set(page.subarray(from, from + count), at)
        at += count
      }
      return out
    },
  }
}

/** Where the last byte is that is not zero, of those ahead of `end`. */
function extentOf(bytes: Uint8Array, end: number): number {
  const words = new Uint32Array(bytes.buffer, bytes.byteOffset, end >> 2)
  let at = words.length
  while (at > 0 && words[at - 1] === 0) at--
  return at * 4
}

function same(a: Uint8Array, b: Uint8Array): boolean {
  const left = new Uint32Array(a.buffer, a.byteOffset, a.length >> 2)
  const right = new Uint32Array(b.buffer, b.byteOffset, b.length >> 2)
  for (let at = 0; at < left.length; at++) if (left[at] !== right[at]) return false
  return true
}

/** Every place where these bytes lie, in order; at most `most` of them. */
export function find(snapshot: Snapshot, needle: Uint8Array, most = 64): number[] {
  const found: number[] = []
  if (needle.length === 0) return found
  const all = snapshot.bytes(0, snapshot.extent)
  const first = needle[0] as number
  for (let at = all.indexOf(first); at >= 0 && found.length < most; at = all.indexOf(first, at + 1)) {
    if (needle.every((byte, offset) => (all[at + offset] ?? 0) === byte)) found.push(at)
  }
  return found
}

export function isZero(bytes: Uint8Array): boolean {
  return bytes.every(byte => byte === 0)
}

export function equal(a: Uint8Array, b: Uint8Array): boolean {
  return a.length === b.length && a.every((byte, at) => byte === b[at])
}
