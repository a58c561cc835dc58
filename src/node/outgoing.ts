import { costOf } from '../channel/credit.js'
import { ChunkSource } from '../engine/chunk-source.js'

/** Bytes to be sealed. */
export interface Outgoing {
  source: ChunkSource
  /** If they are a message: what its end counts for. 0 once that is sealed. */
  end: number
}

/** Messages one by one, and all that is between them together. A chunk that is found in `messages` is taken out of it. */
export function partsOf(chunks: Uint8Array[], messages: WeakSet<Uint8Array> | undefined): Outgoing[] {
  if (!messages) return [{ source: new ChunkSource(chunks), end: 0 }]
  const parts: Outgoing[] = []
  let between: Uint8Array[] = []
  const close = () => {
    if (between.length > 0) parts.push({ source: new ChunkSource(between), end: 0 })
    between = []
  }
  for (const chunk of chunks) {
    if (!messages.delete(chunk)) between.push(chunk)
    else {
      close()
      parts.push({ source: new ChunkSource([chunk]), end: costOf(0, true) })
    }
  }
  close()
  return parts
}
