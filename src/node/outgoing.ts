import { costOf } from '../channel/credit.js'
import { ChunkSource } from '../engine/chunk-source.js'

/** Bytes to be sealed. */
export interface Outgoing {
  chunks: Uint8Array[]
  /** Reads them. */
  source: ChunkSource
  /** If they are a message: what its end counts for. 0 once that is sealed. */
  end: number
}

/** Messages one by one, and all that is between them together. A chunk that is found in `messages` is taken out of it. */
export function partsOf(chunks: Uint8Array[], messages: WeakSet<Uint8Array> | undefined): Outgoing[] {
  if (!messages) return [outgoing(chunks)]
  const parts: Outgoing[] = []
  let between: Uint8Array[] = []
  const close = () => {
    if (between.length > 0) parts.push(outgoing(between))
    between = []
  }
  for (const chunk of chunks) {
    if (!messages.delete(chunk)) between.push(chunk)
    else {
      close()
      parts.push(outgoing([chunk], costOf(0, true)))
    }
  }
  close()
  return parts
}

/** The last `length` bytes of the chunks. */
export function lastOf(chunks: Uint8Array[], length: number): Uint8Array[] {
  const last: Uint8Array[] = []
  for (let left = length, at = chunks.length - 1; left > 0; at--) {
    const chunk = chunks[at] as Uint8Array
    last.unshift(chunk.subarray(Math.max(0, chunk.length - left)))
    left -= chunk.length
  }
  return last
}

function outgoing(chunks: Uint8Array[], end = 0): Outgoing {
  return { chunks, source: new ChunkSource(chunks), end }
}
