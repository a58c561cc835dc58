// The stand-in for the published program, as a process of its own. It serves, or calls, one connection at a time, with blocking calls
// as that program does, and goes through the steps that it was given:
//
//   program.js serve SECRET_KEY STEPS           prints its port, then a line a connection
//   program.js call SECRET_KEY                  a line `{"port": …, "serverKey": …, "steps": […]}` a connection, and prints a line for each
//
// On descriptor 3 it writes how many bytes each read gave, a line a read.
//
//   say TEXT    hear N (bytes)    hear all    echo    alert CODE TEXT    wait MS

import { writeSync } from 'node:fs'
import net from 'node:net'
import { createInterface } from 'node:readline'
import { type KeyPair, keyPairOf } from '../peer/primitives.js'
import { acceptFrom, connectTo, type PublishedConnection } from './connection.js'
import { Abort, Failed, PublishedReader, PublishedWriter, Wire } from './stream.js'

/** What became of a connection. */
export interface Outcome {
  /** The key that it took for the other end's, in hexadecimal; empty where there was none. */
  key: string
  /** In base64. */
  heard: string
  /** What ended it: the name of a failure, `alert CODE TEXT`, or nothing. */
  ended: string
}

export interface Call {
  port: number
  /** In that program's own form; without it, any server is taken. */
  serverKey?: string
  steps: string[]
}

function serve(keyPair: KeyPair, todo: string[]): void {
  const server = net.createServer({ pauseOnConnect: true }, socket => {
    print(outcomeOf(() => acceptFrom(wireOf(socket), keyPair), todo))
  })
  server.listen(0, '127.0.0.1', () => print((server.address() as net.AddressInfo).port))
}

function call(keyPair: KeyPair): void {
  createInterface({ input: process.stdin }).on('line', line => {
    const { port, serverKey, steps: todo } = JSON.parse(line) as Call
    const pinned = serverKey === undefined ? undefined : Buffer.from(serverKey, 'base64url')
    const socket = net.connect({ host: '127.0.0.1', port })
    socket.pause().once('connect', () => {
      print(outcomeOf(() => connectTo(wireOf(socket), keyPair, pinned), todo))
    })
  })
}

/** The system's own socket, in blocking mode; Node looks at it no more. */
function wireOf(socket: net.Socket): Wire {
  const { _handle: handle } = socket as unknown as { _handle: { fd: number; setBlocking(yes: boolean): number } }
  if (handle.setBlocking(true) !== 0) throw new Error('the socket cannot be made to block')
  return new SocketWire(handle.fd, socket)
}

/** It tells how many bytes each read gave. And Node has to know of the first close, for it would make another itself. */
class SocketWire extends Wire {
  #socket: net.Socket

  constructor(fd: number, socket: net.Socket) {
    super(fd)
    this.#socket = socket
  }

  override read(into: Uint8Array): number {
    const length = super.read(into)
    writeSync(READS_FD, `${length}\n`)
    return length
  }

  override close(): void {
    if (this.#socket.destroyed) super.close()
    else this.#socket.destroy()
  }
}

function outcomeOf(open: () => PublishedConnection, todo: string[]): Outcome {
  const outcome: Outcome = { key: '', heard: '', ended: '' }
  const heard: Uint8Array[] = []
  let connection: PublishedConnection | undefined
  try {
    connection = open()
    outcome.key = Buffer.from(connection.key).toString('hex')
    for (const step of todo) take(connection, step, heard)
  } catch (error) {
    outcome.ended = endOf(error, connection)
  }
  outcome.heard = Buffer.concat(heard).toString('base64')
  connection?.wire.close()
  return outcome
}

function take({ reader, writer }: PublishedConnection, step: string, heard: Uint8Array[]): void {
  const [name = '', first = '', ...rest] = step.split(' ')
  const text = [first, ...rest].join(' ')
  switch (name) {
    case 'say':
      writer.write(Buffer.from(text))
      return writer.flush()
    case 'hear':
      for (let left = first === 'all' ? Number.POSITIVE_INFINITY : Number(first); left > 0; ) {
        left -= hear(reader, heard, Math.min(left, READ_BYTES)).length
      }
      return
    case 'echo':
      for (;;) {
        writer.write(hear(reader, heard, READ_BYTES))
        writer.flush()
      }
    case 'alert':
      return writer.alert(Number(first), rest.join(' '))
    case 'wait':
      Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0, Number(first))
      return
    default:
      throw new Error(`an unknown step: ${step}`)
  }
}

/** Its user takes a read of nothing for the end. */
function hear(reader: PublishedReader, heard: Uint8Array[], most: number): Uint8Array {
  const data = reader.read(most)
  if (data.length === 0) throw new Failed('EndOfStream')
  heard.push(data)
  return data
}

function endOf(error: unknown, connection: PublishedConnection | undefined): string {
  if (error instanceof Abort) abort(error)
  if (!(error instanceof Failed)) throw error
  const alert = connection?.reader.alert
  return alert ? `alert ${alert.code} ${alert.text}` : error.message
}

function abort(error: Abort): never {
  writeSync(2, `panic: ${error.message}\n`)
  return process.abort()
}

/** That program is compiled: without this, the first records would take this one longer by far. */
function warmUp(): void {
  const key = Buffer.alloc(32)
  const sent: Uint8Array[] = []
  const wire = new (class extends Wire {
    override write(bytes: Uint8Array): void {
      sent.push(bytes)
    }

    override read(into: Uint8Array): number {
      const bytes = sent.shift() ?? new Uint8Array()
      into.set(bytes)
      return bytes.length
    }
  })(-1)
  const writer = new PublishedWriter(wire, key)
  const reader = new PublishedReader(wire, key)
  for (let at = 0; at < 500; at++) {
    writer.write(Buffer.alloc(100))
    writer.flush()
    reader.read(READ_BYTES)
  }
}

function print(value: unknown): void {
  writeSync(1, `${JSON.stringify(value)}\n`)
}

const READ_BYTES = 4096
const READS_FD = 3

const [role = '', secretKey = '', steps = '[]'] = process.argv.slice(2)
const longTerm = keyPairOf(Buffer.from(secretKey, 'base64url'))
warmUp()
if (role === 'serve') serve(longTerm, JSON.parse(steps) as string[])
else call(longTerm)
