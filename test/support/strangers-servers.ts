// Servers for strangers to attack: in each runtime, and behind each command. All echo, and let in two keys.

import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { readFileSync, writeFileSync } from 'node:fs'
import net from 'node:net'
import { join } from 'node:path'
import { createInterface } from 'node:readline'
import { fileURLToPath } from 'node:url'
import { decodePublicKey, encodePublicKey, encodeSecretKey, generateKeyPair } from '../../src/node/index.js'
import { findRuntime, type RuntimeName } from '../runtimes/binaries.js'
import { runArguments } from '../runtimes/launch.js'
import { startNopki } from './command.js'
import type { Target } from './strangers.js'
import type { Report } from './strangers-server.js'

export interface Server {
  target: Target
  pid: number
  /** What it says of itself; a command says nothing. */
  report(): Promise<Report | undefined>
  stop(): Promise<void>
}

export type StartServer = (folder: string) => Promise<Server>

export const SERVERS: Record<string, StartServer> = {
  ...Object.fromEntries(
    (['node', 'deno', 'bun'] as const)
      .filter(name => typeof findRuntime(name) !== 'string')
      .map(name => [`createServer in ${name}`, () => startRuntime(name)]),
  ),
  listen: folder =>
    startCommand(folder, keys => ['listen', '127.0.0.1:0', ...keys, '--keep-open', '--echo'], /listening on \S+:(\d+)/),
  expose: async folder => {
    const echo = net.createServer(socket => socket.on('error', () => {}).pipe(socket))
    await new Promise<void>(resolve => echo.listen(0, '127.0.0.1', resolve))
    const { port } = echo.address() as net.AddressInfo
    const args = (keys: string[]) => ['expose', '127.0.0.1:0', String(port), ...keys]
    const server = await startCommand(folder, args, /exposing \S+ on \S+:(\d+)/)
    return { ...server, stop: () => server.stop().finally(() => echo.close()) }
  },
  route: async folder => {
    const behind = await startRuntime('node')
    const { port, serverKey } = behind.target
    const table = join(folder, 'attacked-table')
    writeFileSync(table, `${encodePublicKey(serverKey)} 127.0.0.1:${port}\n`)
    const args = (keys: string[]) => ['route', '127.0.0.1:0', ...keys.slice(0, 2), '-t', table]
    const server = await startCommand(folder, args, /routing on \S+:(\d+)/)
    const target = { ...behind.target, port: server.target.port, middleboxKey: server.target.serverKey }
    return { ...server, target, stop: () => server.stop().finally(() => behind.stop()) }
  },
}

async function startRuntime(name: RuntimeName): Promise<Server> {
  const runtime = findRuntime(name)
  if (typeof runtime === 'string') throw new Error(runtime)
  const [honest, insider] = [generateKeyPair(), generateKeyPair()]
  const keys = [honest, insider].map(it => encodePublicKey(it.publicKey))
  const child = spawn(runtime.path, [...runArguments(name), PROGRAM, ...keys], { stdio: ['pipe', 'pipe', 'inherit'] })
  const lines = createInterface({ input: child.stdout })
  const line = async () => JSON.parse(String((await once(lines, 'line'))[0])) as Report
  const { port, publicKey } = await line()
  return {
    target: { port, serverKey: decodePublicKey(publicKey), honest, insider },
    pid: child.pid ?? 0,
    report() {
      const said = line()
      child.stdin.write('\n')
      return said
    },
    async stop() {
      const over = once(child, 'close')
      child.kill('SIGKILL')
      await over
    },
  }
}

async function startCommand(folder: string, argsWith: (keys: string[]) => string[], ready: RegExp): Promise<Server> {
  const [server, honest, insider] = [generateKeyPair(), generateKeyPair(), generateKeyPair()]
  const [key, authorized] = [join(folder, 'attacked.key'), join(folder, 'attacked-clients')]
  writeFileSync(key, `${encodeSecretKey(server.secretKey)}\n`, { mode: 0o600 })
  writeFileSync(
    authorized,
    [honest, insider].map((it, at) => `${encodePublicKey(it.publicKey)} client${at}\n`).join(''),
  )
  const running = startNopki(argsWith(['-k', key, '-a', authorized]))
  const [, port] = await running.shows(ready)
  return {
    target: { port: Number(port), serverKey: server.publicKey, honest, insider },
    pid: running.pid,
    report: async () => undefined,
    stop: async () => void (await running.stop('SIGKILL')),
  }
}

/** How much memory a process holds now, in MiB; undefined where the system does not say. */
export function residentMiB(pid: number): number | undefined {
  try {
    const [, kilobytes] = /^VmRSS:\s+(\d+)/m.exec(readFileSync(`/proc/${pid}/status`, 'utf8')) ?? []
    return kilobytes === undefined ? undefined : Math.round(Number(kilobytes) / 1024)
  } catch {
    return undefined
  }
}

const PROGRAM = fileURLToPath(new URL('./strangers-server.js', import.meta.url))
