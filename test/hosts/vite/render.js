// Rendered at the server, with the page's own module.

import { readFileSync } from 'node:fs'
import { createServer } from 'node:http'
import { join } from 'node:path'
import { BEFORE } from './page.js'
import { drawnKey, talkOverTcp } from './server.js'

const CLIENT = join(import.meta.dirname, '../client')
const TYPES = { js: 'text/javascript', wasm: 'application/wasm' }

createServer(async ({ url }, response) => {
  if (url === '/talk') return response.end(await talkOverTcp())
  const file = readFileSync(join(CLIENT, url === '/' ? 'index.html' : url))
  if (url !== '/') return response.setHeader('content-type', TYPES[url.split('.').pop()]).end(file)
  const body = `<p id="server">${drawnKey()}</p><p id="client">${BEFORE}</p>`
  response.setHeader('content-type', 'text/html').end(String(file).replace('<!-- body -->', body))
}).listen(process.env.PORT, '127.0.0.1')
