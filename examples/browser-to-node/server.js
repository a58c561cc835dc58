// A Node server: serves a page, and to that page a channel over a WebSocket, on which it gives back what comes, reversed.
//
//   node server.js      and open the address that it prints

import { readFile } from 'node:fs/promises'
import { createServer } from 'node:http'
import { fileURLToPath } from 'node:url'
import { encodePublicKey, generateKeyPair } from 'nopki'
import { acceptWebSocket } from 'nopki/web'
import { WebSocketServer } from 'ws'

// A server of your own keeps its key pair, and pages have its public key built in.
const keyPair = generateKeyPair()
const modules = new URL('..', import.meta.resolve('nopki/channel.wasm'))
const page = await readFile(new URL('page.html', import.meta.url), 'utf8')

const server = createServer(async (request, response) => {
  const { pathname } = new URL(request.url, 'http://localhost')
  try {
    const body =
      pathname === '/'
        ? page.replace('SERVER_KEY', encodePublicKey(keyPair.publicKey))
        : await readFile(fileOf(pathname))
    const type = { js: 'text/javascript', wasm: 'application/wasm' }[pathname.split('.').pop()] ?? 'text/html'
    response.writeHead(200, { 'content-type': type }).end(body)
  } catch {
    response.writeHead(404).end()
  }
})

/** The page’s own script; the package’s modules, and the one that it needs. */
function fileOf(pathname) {
  const [, first, ...rest] = pathname.split('/')
  if (first === 'page.js') return new URL('page.js', import.meta.url)
  if (first === 'nopki') return new URL(`./${rest.join('/')}`, modules)
  if (first === 'loader') return fileURLToPath(import.meta.resolve('@assemblyscript/loader'))
  throw new Error(`there is no ${pathname}`)
}

// Without a limit, `ws` collects up to 100 MiB of a stranger's message before anybody sees a byte of it.
new WebSocketServer({ server, maxPayload: 131_072 }).on('connection', async socket => {
  try {
    // Anyone may see this page, so anyone may use its channel: `authorize: peer => …` lets in only whom you know.
    const channel = await acceptWebSocket(socket, { keyPair, authorize: 'anyone' })
    for await (const message of channel.messages()) await channel.send(message.reverse())
    await channel.close()
  } catch (error) {
    console.error(error.message)
  }
})

server.listen(0, '127.0.0.1', () => console.log(`http://127.0.0.1:${server.address().port}/`))
