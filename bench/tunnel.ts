// node build/bench/tunnel.js [--rounds 3] [--write]: forward and expose beside plain TCP, to the same Redis and the same nginx, which have
// to be installed. Beside them the least that could stand there, relay.ts, which is what a bare channel does in that place.

import { type ChildProcess, execFileSync, fork, spawn } from 'node:child_process'
import { once } from 'node:events'
import { mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import net from 'node:net'
import { cpus, tmpdir } from 'node:os'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { parseArgs } from 'node:util'

const { values } = parseArgs({
  options: { rounds: { type: 'string', default: '3' }, write: { type: 'boolean', default: false } },
})
const MAIN = fileURLToPath(new URL('../src/cli/main.js', import.meta.url))
const PAGE = new URL('../../docs/performance.md', import.meta.url)
const DOWNLOAD_BYTES = 256_000_000
const WAYS = ['plain TCP', 'bare channel', 'nopki tunnel'] as const

type Way = (typeof WAYS)[number]

/** A measure, its unit, and whether more is better. */
interface Measure {
  name: string
  unit: string
  more: boolean
  run(ports: Ports): Promise<number> | number
}

interface Ports {
  redis: number
  nginx: number
}

const MEASURES: Measure[] = [
  redis('Redis GET, 20 connections', 'requests/s', ['-c', '20', '-n', '20000'], 'rps'),
  redis('Redis GET, 20 connections, 16 at a time', 'requests/s', ['-c', '20', '-P', '16', '-n', '150000'], 'rps'),
  redis('Redis GET, one connection, median', 'ms', ['-c', '1', '-n', '4000'], 'p50_latency_ms'),
  { name: 'nginx, download of 256 MB', unit: 'MB/s', more: true, run: ({ nginx }) => download(nginx) },
]

const folder = mkdtempSync(join(tmpdir(), 'nopki-bench-'))
const children: ChildProcess[] = []
try {
  const services: Ports = { redis: await startRedis(), nginx: await startNginx() }
  const ports: Record<Way, Ports> = {
    'plain TCP': services,
    'bare channel': { redis: await relayTo(services.redis), nginx: await relayTo(services.nginx) },
    'nopki tunnel': { redis: await tunnelTo(services.redis), nginx: await tunnelTo(services.nginx) },
  }
  report(await measureAll(ports, Number(values.rounds)))
} finally {
  for (const child of children) child.kill()
  rmSync(folder, { recursive: true })
}

/** Medians over the rounds; within a round the ways take turns. */
async function measureAll(ports: Record<Way, Ports>, rounds: number): Promise<Record<Way, number>[]> {
  const all = MEASURES.map(() => Object.fromEntries(WAYS.map(way => [way, [] as number[]])) as Record<Way, number[]>)
  for (let round = 0; round < rounds; round++) {
    for (const [at, measure] of MEASURES.entries()) {
      for (const way of WAYS) all[at]?.[way].push(await measure.run(ports[way]))
    }
  }
  return all.map(it => Object.fromEntries(WAYS.map(way => [way, median(it[way])])) as Record<Way, number>)
}

function report(results: Record<Way, number>[]): void {
  const head = ['', ...WAYS, 'tunnel to plain', 'tunnel to bare']
  const rows = MEASURES.map(({ name, unit, more }, at) => {
    const { 'plain TCP': plain, 'bare channel': bare, 'nopki tunnel': tunnel } = results[at] as Record<Way, number>
    const ratio = (other: number) => (more ? tunnel / other : other / tunnel).toFixed(2)
    const shown = [plain, bare, tunnel].map(it => (it < 10 ? it.toFixed(3) : it.toFixed(0)))
    return [`${name}, ${unit}`, ...shown, ratio(plain), ratio(bare)]
  })
  const table = [head, head.map(() => '---'), ...rows].map(cells => `| ${cells.join(' | ')} |`).join('\n')
  const where = `Node ${process.version}, ${cpus().length} × ${cpus()[0]?.model?.trim()}, ${values.rounds} rounds, medians.`
  console.log(`${table}\n\n${where}`)
  if (!values.write) return
  const page = readFileSync(PAGE, 'utf8')
  writeFileSync(PAGE, page.replace(/(<!-- tunnel -->\n).*(<!-- \/tunnel -->)/s, `$1\n${table}\n\n${where}\n\n$2`))
}

function redis(name: string, unit: string, args: string[], column: string): Measure {
  const run = ({ redis: port }: Ports) => {
    const all = ['-p', String(port), '-t', 'get', '--csv', ...args]
    const [head = '', row = ''] = execFileSync('redis-benchmark', all, { encoding: 'utf8' }).trim().split('\n')
    const cells = (line: string) => line.split(',').map(it => it.replaceAll('"', ''))
    return Number(cells(row)[cells(head).indexOf(column)])
  }
  return { name, unit, more: column === 'rps', run }
}

function download(port: number): number {
  const args = ['-s', '-o', '/dev/null', '-w', '%{speed_download}', `http://127.0.0.1:${port}/large`]
  return Number(execFileSync('curl', args, { encoding: 'utf8' })) / 1e6
}

async function relayTo(port: number): Promise<number> {
  const start = async (...args: string[]) => {
    const child = fork(new URL('relay.js', import.meta.url), args)
    children.push(child)
    return ((await once(child, 'message')) as [string | number])[0]
  }
  return Number(await start('forward', String(await start('expose', String(port)))))
}

async function tunnelTo(port: number): Promise<number> {
  const key = join(folder, 'key')
  rmSync(key, { force: true })
  const publicKey = execFileSync(process.execPath, [MAIN, 'keygen', '-o', key], { encoding: 'utf8' }).trim()
  const start = async (pattern: RegExp, ...args: string[]) => {
    const child = spawn(process.execPath, [MAIN, ...args], { stdio: ['ignore', 'ignore', 'pipe'] })
    return await saying(child, pattern)
  }
  const place = await start(/ on (\S+) as pk_/, 'expose', '127.0.0.1:0', String(port), '-k', key, '--allow-anyone')
  return Number(await start(/forwarding \S+:(\d+)/, 'forward', '0', `nopki://${publicKey}@${place}`))
}

async function startRedis(): Promise<number> {
  const port = await freePort()
  const args = ['--port', String(port), '--bind', '127.0.0.1', '--save', '', '--dir', folder]
  await saying(spawn('redis-server', args, { stdio: ['ignore', 'pipe', 'ignore'] }), /Ready to accept connections/)
  execFileSync('redis-benchmark', ['-p', String(port), '-t', 'set', '-n', '100', '-q'])
  return port
}

async function startNginx(): Promise<number> {
  const port = await freePort()
  mkdirSync(join(folder, 'www'))
  writeFileSync(join(folder, 'www', 'large'), Buffer.alloc(DOWNLOAD_BYTES, 'some text '))
  const temporary = ['client_body', 'proxy', 'fastcgi', 'uwsgi', 'scgi'].map(it => `${it}_temp_path ${folder}/${it};`)
  const http = `access_log off; sendfile on; ${temporary.join(' ')} server { listen 127.0.0.1:${port}; root ${folder}/www; }`
  const config = `daemon off; master_process off; pid ${folder}/pid; error_log stderr notice; events {} http { ${http} }`
  writeFileSync(join(folder, 'nginx.conf'), process.getuid?.() === 0 ? `user root; ${config}` : config)
  const args = ['-e', 'stderr', '-p', folder, '-c', join(folder, 'nginx.conf')]
  const env = { ...process.env, PATH: `${process.env.PATH}:/usr/sbin` }
  await saying(spawn('nginx', args, { env, stdio: ['ignore', 'ignore', 'pipe'] }), /using the "epoll"/)
  return port
}

/** What the pattern’s group finds in what a program writes. */
async function saying(child: ChildProcess, pattern: RegExp): Promise<string> {
  children.push(child)
  let text = ''
  for await (const chunk of (child.stdout ?? child.stderr)?.iterator({ destroyOnReturn: false }) ?? []) {
    text += chunk
    const found = pattern.exec(text)
    if (!found) continue
    ;(child.stdout ?? child.stderr)?.resume()
    return found[1] ?? ''
  }
  throw new Error(`a program ended before it was ready: ${text}`)
}

async function freePort(): Promise<number> {
  const server = net.createServer().listen(0, '127.0.0.1')
  await once(server, 'listening')
  const { port } = server.address() as net.AddressInfo
  server.close()
  await once(server, 'close')
  return port
}

function median(numbers: number[]): number {
  return numbers.sort((a, b) => a - b)[Math.floor(numbers.length / 2)] ?? Number.NaN
}
