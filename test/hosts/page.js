// What a page does, whoever built it: both ends of a channel over streams in memory.

import { connectWebSocket, generateKeyPair, ready, secure } from 'nopki'

export const BEFORE = `${typeof connectWebSocket} before`

export async function talk(source) {
  await ready(source)
  const keyPair = generateKeyPair()
  const [there, back] = [new TransformStream(), new TransformStream()]
  const [ours, theirs] = await Promise.all([
    secure({ readable: back.readable, writable: there.writable }, { serverKey: keyPair.publicKey }),
    secure({ readable: there.readable, writable: back.writable }, { role: 'server', keyPair, authorize: 'anyone' }),
  ])
  for (const { closed } of [ours, theirs]) closed.catch(() => {})
  await ours.send(new TextEncoder().encode('hello from a page'))
  const { value } = await theirs.messages().next()
  return new TextDecoder().decode(value)
}
