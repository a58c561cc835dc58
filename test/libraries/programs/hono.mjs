// hono; prints hello pk_
import http from 'node:http'
import { text } from 'node:stream/consumers'
import { getRequestListener } from '@hono/node-server'
import { Hono } from 'hono'
import { generateKeyPair } from 'nopki'
import { createAgent, serveHttp } from 'nopki/http'

const keyPair = generateKeyPair()
const app = new Hono().get('/', context => context.text(`hello ${context.env.incoming.socket.authorization.name}`))
const authorize = peer => ({ name: peer.publicKeyText.slice(0, 3) })
const server = serveHttp(http.createServer(getRequestListener(app.fetch)), { keyPair, authorize })
server.listen(0, '127.0.0.1', () => {
  const agent = createAgent({ host: '127.0.0.1', port: server.address().port, serverKey: keyPair.publicKey })
  http.get('http://service/', { agent }, async response => {
    console.log(await text(response))
    process.exit()
  })
})
