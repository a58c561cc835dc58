// Whole handshakes without a socket.

import type { ClientOptions, Established, ServerOptions, Version } from './handshake.js'
import * as v1 from './version1.js'
import * as v2 from './version2.js'

export function converse(version: Version, client: ClientOptions, server: ServerOptions): Conversation {
  return version === 1 ? converse1(client, server) : converse2(client, server)
}

export function converse1(client: ClientOptions, server: ServerOptions, alter: Alter = same): Conversation {
  const { hello, state } = v1.writeHello1(client)
  const { challenge, state: serverState } = v1.writeChallenge1(alter('hello', hello), server)
  const { response, established: clientEnd } = v1.writeResponse1(alter('challenge', challenge), state)
  const serverEnd = v1.readResponse1(alter('response', response), serverState)
  return { hello, challenge, response, clientEnd, serverEnd }
}

export function converse2(client: ClientOptions, server: ServerOptions, alter: Alter = same): Conversation {
  const { hello, state } = v2.writeHello2(client)
  const { challenge, state: serverState } = v2.writeChallenge2(alter('hello', hello), server)
  const { response, established: clientEnd } = v2.writeResponse2(alter('challenge', challenge), state)
  const serverEnd = v2.readResponse2(alter('response', response), serverState)
  return { hello, challenge, response, clientEnd, serverEnd }
}

/** Changes a message, known by its name, on its way. */
export type Alter = (name: string, message: Uint8Array) => Uint8Array
export interface Conversation {
  hello: Uint8Array
  challenge: Uint8Array
  response: Uint8Array
  clientEnd: Established
  serverEnd: Established
}

function same(_name: string, message: Uint8Array): Uint8Array {
  return message
}
