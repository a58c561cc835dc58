import type { WebSocketLike } from './socket-carrier.js'

/** What is used of Bun’s ServerWebSocket. */
export interface BunServerWebSocket {
  readonly readyState: number
  // biome-ignore lint/suspicious/noExplicitAny: as Bun declares it
  send(data: any): number
  close(code?: number, reason?: string): void
  getBufferedAmount(): number
}

/**
 * The `websocket` handlers of `Bun.serve`, whose sockets call back: makes each one a WebSocket that `acceptWebSocket` takes.
 *
 *     Bun.serve({ fetch: (request, server) => server.upgrade(request) ? undefined : new Response(null, { status: 426 }),
 *                 websocket: bunWebSocket(async socket => serve(await acceptWebSocket(socket, options))) })
 *
 * @param onSocket gets every WebSocket as it opens, and Bun’s own (for its `data`)
 */
export function bunWebSocket<Own extends BunServerWebSocket>(onSocket: (socket: WebSocketLike, own: Own) => unknown) {
  const sockets = new WeakMap<Own, EventedSocket>()
  return {
    open(own: Own): void {
      const socket = new EventedSocket(own)
      sockets.set(own, socket)
      onSocket(socket, own)
    },
    message(own: Own, data: string | Uint8Array): void {
      sockets.get(own)?.emit('message', { data })
    },
    close(own: Own, code: number, reason: string): void {
      sockets.get(own)?.emit('close', { code, reason })
    },
  }
}

class EventedSocket implements WebSocketLike {
  binaryType = 'uint8array'
  #own: BunServerWebSocket
  #listeners = new Map<string, ((event: unknown) => void)[]>()

  constructor(own: BunServerWebSocket) {
    this.#own = own
  }

  get readyState(): number {
    return this.#own.readyState
  }

  get bufferedAmount(): number {
    return this.#own.getBufferedAmount()
  }

  send(data: Uint8Array): void {
    // 0: it was dropped.
    if (this.#own.send(data) === 0) this.close(1011)
  }

  close(code?: number, reason?: string): void {
    this.#own.close(code, reason)
  }

  addEventListener(type: string, listener: (event: unknown) => void): void {
    this.#listeners.set(type, [...(this.#listeners.get(type) ?? []), listener])
  }

  emit(type: string, event: unknown): void {
    for (const listener of this.#listeners.get(type) ?? []) listener(event)
  }
}
