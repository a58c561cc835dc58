import { execFile } from 'node:child_process'
import { once } from 'node:events'
import type { AddressInfo } from 'node:net'
import tls from 'node:tls'
import { promisify } from 'node:util'
import { type Contestant, HOST } from './contestant.js'

/** A key and its certificate, in one PEM text. */
interface Keys {
  server: string
  client: string
}

/** Node’s TLS 1.3, mutual: each end trusts the other’s self-signed certificate and no other. P-256, OpenSSL’s fastest. */
export function mutualTls(ciphers: string): Contestant {
  const endOf = (own: string, other: string) =>
    ({ key: own, cert: own, ca: other, ciphers, minVersion: 'TLSv1.3', rejectUnauthorized: true }) as const
  return {
    async makeKeys() {
      return { server: await selfSigned('server'), client: await selfSigned('client') }
    },

    async listen(keys, accept) {
      const { server: own, client } = keys as Keys
      const server = tls.createServer({ ...endOf(own, client), requestCert: true }, socket => {
        accept(socket.setNoDelay(true))
      })
      await once(server.listen(0, HOST), 'listening')
      return (server.address() as AddressInfo).port
    },

    async connect(keys, port) {
      const { server, client } = keys as Keys
      // The certificate is pinned, so its name says nothing.
      const checkServerIdentity = () => undefined
      const socket = tls.connect({ ...endOf(client, server), host: HOST, port, checkServerIdentity }).setNoDelay(true)
      await once(socket, 'secureConnect')
      return socket
    },
  }
}

async function selfSigned(name: string): Promise<string> {
  const args = ['req', '-x509', '-newkey', 'ec', '-pkeyopt', 'ec_paramgen_curve:P-256', '-nodes', '-days', '2']
  try {
    const { stdout } = await promisify(execFile)('openssl', [
      ...args,
      '-subj',
      `/CN=${name}`,
      '-keyout',
      '-',
      '-out',
      '-',
    ])
    return stdout
  } catch (cause) {
    throw new Error('the openssl command, which makes its certificates, does not run', { cause })
  }
}
