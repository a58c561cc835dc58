// expose and forward, joined: a service of the test's behind, clients of the test's in front.

import { writeFileSync } from 'node:fs'
import net from 'node:net'
import { join } from 'node:path'
import { makeKey, type Running, startNopki } from './command.js'
import { next } from './sockets.js'

export interface Keys {
  folder: string
  server: { file: string; publicKey: string }
  alice: { file: string; publicKey: string }
  /** The file of authorized keys, with alice in it. */
  authorized: string
}

export async function tunnelKeys(folder: string): Promise<Keys> {
  const [server, alice] = await Promise.all([makeKey(folder, 'server'), makeKey(folder, 'alice')])
  const authorized = join(folder, 'authorized_keys')
  writeFileSync(authorized, `${alice.publicKey} alice\n`)
  return { folder, server, alice, authorized }
}

/** Starts `nopki expose`, on a free port unless told otherwise; the address for clients. */
export async function startExpose(keys: Keys, target: number | string, args: string[] = [], at = '127.0.0.1:0') {
  const all = ['expose', at, String(target), '-k', keys.server.file, '-a', keys.authorized, ...args]
  const expose = startNopki(all)
  const [, place = ''] = await expose.shows(/exposing \S+ on (\S+) as pk_/)
  return { expose, address: `nopki://${keys.server.publicKey}@${place}` }
}

/** Starts `nopki listen`, on a free port unless told otherwise; its address. */
export async function startListen(args: string[], at = '127.0.0.1:0'): Promise<{ listener: Running; address: string }> {
  const listener = startNopki(['listen', at, ...args])
  const [, address = ''] = await listener.shows(/listening on (\S+)/)
  return { listener, address }
}

/** Starts `nopki forward` on a free port. */
export async function startForward(keys: Keys, address: string, args: string[] = []) {
  const forward = startNopki(['forward', '0', address, '-k', keys.alice.file, ...args])
  const [, port] = await forward.shows(/forwarding \S+:(\d+)/)
  return { forward, port: Number(port) }
}

export interface TunnelUnderTest {
  expose: Running
  forward: Running
  address: string
  /** Where plain clients connect. */
  port: number
}

export async function startTunnel(
  keys: Keys,
  target: number | string,
  args: { expose?: string[]; forward?: string[] } = {},
): Promise<TunnelUnderTest> {
  const { expose, address } = await startExpose(keys, target, args.expose)
  return { expose, address, ...(await startForward(keys, address, args.forward)) }
}

/** A plain connection that stays open for one direction when the other has ended. */
export function dialPlain(port: number): net.Socket {
  return net.connect({ host: '127.0.0.1', port, allowHalfOpen: true, noDelay: true })
}

/** Sends to a program that is stopped, and resets: when it goes on, it finds both together. */
export async function resetWhileStopped({ child }: Running, socket: net.Socket): Promise<void> {
  child.kill('SIGSTOP')
  socket.write('before', () => socket.resetAndDestroy())
  await next(socket, 'close')
  child.kill('SIGCONT')
}
