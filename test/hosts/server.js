// What a server does, whoever built it: a key of its own, and a channel over TCP to the address that it is told.

import { connect, encodePublicKey, generateKeyPair } from 'nopki'

export function drawnKey() {
  return encodePublicKey(generateKeyPair().publicKey)
}

export async function talkOverTcp() {
  const socket = await connect(process.env.SERVER)
  socket.end('hello from a server')
  let text = ''
  for await (const chunk of socket) text += chunk
  return text
}
