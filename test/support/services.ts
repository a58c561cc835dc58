// Real services from the system's packages, on the loopback, with their data in a folder that is removed.

import { mkdirSync, readdirSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { installed, Running, run } from './command.js'
import { freePort } from './ports.js'

export interface Started {
  port: number
  process: Running
}

export async function startRedis(folder: string, port?: number): Promise<Started> {
  const at = port ?? (await freePort())
  const args = ['--port', String(at), '--bind', '127.0.0.1', '--save', '', '--dir', folder]
  const process = new Running('redis-server', args)
  await process.shows(/Ready to accept connections/)
  return { port: at, process }
}

/** With `size` bytes as /large, and the PROXY protocol on a second port, whose page says who came. */
export async function startNginx(folder: string, large: Buffer): Promise<Started & { proxyPort: number }> {
  const [port, proxyPort] = [await freePort(), await freePort()]
  const root = join(folder, 'www')
  mkdirSync(root, { recursive: true })
  writeFileSync(join(root, 'large'), large)
  const temporary = ['client_body', 'proxy', 'fastcgi', 'uwsgi', 'scgi'].map(it => `${it}_temp_path ${folder}/${it};`)
  writeFileSync(
    join(folder, 'nginx.conf'),
    `daemon off; master_process off; user root; pid ${folder}/nginx.pid; error_log stderr notice; events {}
    http {
      access_log off; sendfile on; keepalive_requests 1000000; ${temporary.join(' ')}
      server { listen 127.0.0.1:${port}; root ${root}; location = /small { return 200 "small\\n"; } }
      server { listen 127.0.0.1:${proxyPort} proxy_protocol; return 200 "$proxy_protocol_addr $proxy_protocol_port\\n"; }
    }`,
  )
  const program = (await installed('nginx')) ?? 'nginx'
  const process = new Running(program, ['-e', 'stderr', '-p', folder, '-c', join(folder, 'nginx.conf')])
  // Its first line comes when it listens.
  await process.shows(/using the "epoll" event method/)
  return { port, proxyPort, process }
}

/** Where PostgreSQL's own programs are; undefined where it is not installed. */
export function postgresPrograms(): string | undefined {
  const versions = '/usr/lib/postgresql'
  try {
    const newest = readdirSync(versions).sort((a, b) => Number(b) - Number(a))[0]
    return newest && join(versions, newest, 'bin')
  } catch {
    return undefined
  }
}

/** With a database of its own, and one user, `postgres`, who needs no password. */
export async function startPostgres(programs: string, folder: string): Promise<Started> {
  const port = await freePort()
  const data = join(folder, 'postgres')
  mkdirSync(data, { recursive: true })
  // It refuses to run as root.
  const asOther = process.getuid?.() === 0 ? ['setpriv', '--reuid=postgres', '--regid=postgres', '--clear-groups'] : []
  if (asOther.length > 0) await run('sh', ['-c', `chmod 711 '${folder}' && chown postgres '${data}'`])
  const as = (program: string, args: string[]): [string, string[]] => {
    const [first = '', ...rest] = [...asOther, join(programs, program), ...args]
    return [first, rest]
  }
  const made = await run(...as('initdb', ['-D', data, '-U', 'postgres', '-A', 'trust', '--no-sync']))
  if (made.code !== 0) throw new Error(made.err)
  const settings = ['-p', String(port), '-k', data, '-c', 'listen_addresses=127.0.0.1', '-c', 'fsync=off']
  const process_ = new Running(...as('postgres', ['-D', data, ...settings]))
  await process_.shows(/database system is ready to accept connections/)
  return { port, process: process_ }
}
