// koa; prints hello pk_ true
import http from 'node:http'
import { text } from 'node:stream/consumers'
import Koa from 'koa'
import { generateKeyPair } from 'nopki'
import { createAgent, serveHttp } from 'nopki/http'

const keyPair = generateKeyPair()
const app = new Koa()
app.use(context => {
  context.body = `hello ${context.socket.authorization.name} ${context.secure}`
})
const authorize = peer => ({ name: peer.publicKeyText.slice(0, 3) })
const server = serveHttp(http.createServer(app.callback()), { keyPair, authorize })
server.listen(0, '127.0.0.1', () => {
  const agent = createAgent({ host: '127.0.0.1', port: server.address().port, serverKey: keyPair.publicKey })
  http.get('http://service/', { agent }, async response => {
    console.log(await text(response))
    process.exit()
  })
})
