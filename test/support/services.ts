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

/** With one user, `nopki`, who needs no password. */
export async function startMariadb(folder: string): Promise<Started> {
  const port = await freePort()
  const data = join(folder, 'mariadb')
  mkdirSync(data)
  const asRoot = process.getuid?.() === 0 ? ['--user=root'] : []
  const args = ['--no-defaults', `--datadir=${data}`, '--auth-root-authentication-method=normal', ...asRoot]
  const made = await run('mariadb-install-db', args)
  if (made.code !== 0) throw new Error(made.err)
  const socket = join(data, 'socket')
  const place = [`--port=${port}`, '--bind-address=127.0.0.1', `--socket=${socket}`, `--pid-file=${join(data, 'pid')}`]
  const server = new Running('mariadbd', ['--no-defaults', `--datadir=${data}`, ...place, ...asRoot])
  await server.shows(/ready for connections/)
  const grant = "create user nopki@'%'; grant all on *.* to nopki@'%'"
  const granted = await run('mariadb', ['--no-defaults', `--socket=${socket}`, '-u', 'root', '-e', grant])
  if (granted.code !== 0) throw new Error(granted.err)
  return { port, process: server }
}

export async function startMosquitto(folder: string): Promise<Started> {
  const port = await freePort()
  const config = join(folder, 'mosquitto.conf')
  writeFileSync(
    config,
    `listener ${port} 127.0.0.1\nallow_anonymous true\npersistence false\nlog_dest stderr\nlog_type all\n`,
  )
  const process = new Running('mosquitto', ['-c', config])
  await process.shows(/mosquitto version \S+ running/)
  return { port, process }
}

export async function startMemcached(): Promise<Started> {
  const port = await freePort()
  const process = new Running('memcached', ['-l', '127.0.0.1', '-p', String(port), '-U', '0', '-u', 'root', '-vv'])
  await process.shows(/server listening/)
  return { port, process }
}

/** With its user guest, and a port mapper of its own: both on the loopback alone. */
export async function startRabbitmq(folder: string): Promise<Started> {
  const [port, epmdPort, distPort] = [await freePort(), await freePort(), await freePort()]
  const data = join(folder, 'rabbitmq')
  mkdirSync(data)
  writeFileSync(join(data, 'rabbitmq.conf'), `listeners.tcp.1 = 127.0.0.1:${port}\n`)
  const mapper = { ERL_EPMD_ADDRESS: '127.0.0.1', ERL_EPMD_PORT: String(epmdPort) }
  const epmd = new Running('epmd', [], { env: mapper })
  const env = {
    ...mapper,
    HOME: data,
    RABBITMQ_NODENAME: 'rabbit@localhost',
    RABBITMQ_DIST_PORT: String(distPort),
    RABBITMQ_SERVER_ADDITIONAL_ERL_ARGS: '-kernel inet_dist_use_interface {127,0,0,1}',
    RABBITMQ_CONFIG_FILE: join(data, 'rabbitmq.conf'),
    RABBITMQ_ENABLED_PLUGINS_FILE: join(data, 'plugins'),
    RABBITMQ_MNESIA_BASE: join(data, 'mnesia'),
    RABBITMQ_LOG_BASE: join(data, 'log'),
    RABBITMQ_LOGS: '-',
    RABBITMQ_PID_FILE: join(data, 'pid'),
  }
  // Debian’s own script changes to another user, who may not write here.
  const process = new Running('/usr/lib/rabbitmq/bin/rabbitmq-server', [], { env })
  await process.shows(/Server startup complete/)
  process.ended.then(() => epmd.stop()).catch(() => {})
  return { port, process }
}
