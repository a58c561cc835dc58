// The services that the programs use, each behind a key, started when one of them asks for it.

import http from 'node:http'
import http2 from 'node:http2'
import type net from 'node:net'
import { serveHttp } from '../../src/http/index.js'
import { formatAddress, generateKeyPair } from '../../src/node/index.js'
import { expose, type TunnelListener } from '../../src/tunnel/index.js'
import {
  postgresPrograms,
  type Started,
  startMariadb,
  startMemcached,
  startMosquitto,
  startPostgres,
  startRabbitmq,
  startRedis,
} from '../support/services.js'

/** Behind `expose`: how each is started, and which programs it needs. */
const PROGRAMS: Record<string, { needs: string[]; start(folder: string): Promise<Started> }> = {
  postgresql: {
    needs: ['setpriv', ...(postgresPrograms() ? [] : ['postgresql'])],
    start: folder => startPostgres(postgresPrograms() ?? '', folder),
  },
  mariadb: { needs: ['mariadbd', 'mariadb-install-db', 'mariadb'], start: startMariadb },
  redis: { needs: ['redis-server'], start: folder => startRedis(folder) },
  memcached: { needs: ['memcached'], start: () => startMemcached() },
  mosquitto: { needs: ['mosquitto'], start: startMosquitto },
  rabbitmq: { needs: ['rabbitmq-server', 'epmd'], start: startRabbitmq },
}
const keyPair = generateKeyPair()
const options = { keyPair, authorize: 'anyone' } as const
const stops: (() => unknown)[] = []
const addresses = new Map<string, Promise<string>>()

export function needsOf(service: string): string[] {
  return PROGRAMS[service]?.needs ?? []
}

/** Its address, `nopki://…`. */
export function addressOf(service: string, folder: string): Promise<string> {
  const address =
    addresses.get(service) ??
    start(service, folder).then(port => formatAddress({ host: '127.0.0.1', port, serverKey: keyPair.publicKey }))
  addresses.set(service, address)
  return address
}

export async function stopServices(): Promise<void> {
  for (const stop of stops) await stop()
}

async function start(service: string, folder: string): Promise<number> {
  if (service === 'web') return await serveWeb(http.createServer(flaky))
  if (service === 'h2')
    return await serveWeb(
      http2.createServer((request, response) => {
        response.end(`${request.method} ${request.url} over ${request.httpVersion}`)
      }),
    )
  const { port, process } = await PROGRAMS[service]!.start(folder)
  const exposed: TunnelListener = await expose({ host: '127.0.0.1', port: 0 }, port, options)
  stops.push(
    () => exposed.close(),
    () => process.stop(),
  )
  return exposed.port
}

let requests = 0
/** Of `/flaky`, every first request is cut. */
function flaky(request: http.IncomingMessage, response: http.ServerResponse): void {
  if (request.url === '/flaky' && requests++ % 2 === 0) request.socket.resetAndDestroy()
  else response.end(`${request.method} ${request.url}`)
}

async function serveWeb(server: net.Server): Promise<number> {
  serveHttp(server, options)
  await new Promise<void>(resolve => server.listen(0, '127.0.0.1', resolve))
  stops.push(() => server.close())
  return (server.address() as net.AddressInfo).port
}
