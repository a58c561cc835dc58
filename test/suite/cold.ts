// From the import to the first sealed byte on its way: what a program waits for when it starts.

interface Sealed {
  ms: number
}

/** Imports the package, opens a channel between two ends in memory, and writes a byte. */
export async function coldStart(load: () => Promise<typeof import('nopki/web')>): Promise<Sealed> {
  const started = performance.now()
  const { ready, secure, generateKeyPair } = await load()
  await ready()
  const keyPair = generateKeyPair()
  let onSent: (() => void) | undefined
  const there = new TransformStream<Uint8Array, Uint8Array>({
    transform(chunk, controller) {
      controller.enqueue(chunk)
      onSent?.()
    },
  })
  const back = new TransformStream<Uint8Array, Uint8Array>()
  const serverKey = keyPair.publicKey
  const [client, server] = await Promise.all([
    secure({ readable: back.readable, writable: there.writable }, { role: 'client', keyPair, serverKey }),
    secure({ readable: there.readable, writable: back.writable }, { role: 'server', keyPair, authorize: 'anyone' }),
  ])
  const sent = new Promise<void>(resolve => {
    onSent = resolve
  })
  client.writable.getWriter().write(new Uint8Array(1))
  await sent
  const ms = performance.now() - started
  for (const { closed } of [client, server]) closed.catch(() => {})
  return { ms }
}
