// The Durable Object: tells everybody what somebody says, and by which key. It knows nothing of channels.

export class Room {
  constructor(state) {
    this.state = state
  }

  fetch(request) {
    const [theirs, ours] = Object.values(new WebSocketPair())
    this.state.acceptWebSocket(ours)
    // What it has to know after a sleep.
    ours.serializeAttachment({ name: request.headers.get('X-Public-Key') })
    return new Response(null, { status: 101, webSocket: theirs })
  }

  webSocketMessage(from, message) {
    const { name } = from.deserializeAttachment()
    const line = new TextEncoder().encode(`${name}: ${new TextDecoder().decode(message)}`)
    for (const seat of this.state.getWebSockets()) seat.send(line)
  }

  webSocketClose(seat) {
    seat.close(1000)
  }
}
