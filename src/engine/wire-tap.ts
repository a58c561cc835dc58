/** What `onWire` is given. */
export interface WireBytes {
  /** Who has sent these bytes. */
  direction: 'client' | 'server'
  /** A view, valid until `onWire` returns: copy what is to be kept. */
  bytes: Uint8Array
  /** Where they start, from the first byte of their direction. */
  offset: number
  /** The same object for all bytes of one connection, and for no others: a server has many. */
  connection: object
}

/** Tells bytes as they go and come, before anything is done with them. */
export type WireTap = (direction: WireBytes['direction'], bytes: Uint8Array) => void

export function wireTap(onWire: ((wire: WireBytes) => void) | undefined): WireTap | undefined {
  if (!onWire) return undefined
  const connection = {}
  const offsets = { client: 0, server: 0 }
  return (direction, bytes) => {
    const offset = offsets[direction]
    offsets[direction] += bytes.length
    try {
      onWire({ direction, bytes, offset, connection })
    } catch (error) {
      // The channel is not concerned: it is reported as an exception that nobody has caught.
      queueMicrotask(() => {
        throw error
      })
    }
  }
}
