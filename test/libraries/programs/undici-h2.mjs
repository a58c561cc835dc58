// undici with HTTP/2, with h2; prints 200 GET /page over 2.0

import { createConnector } from 'nopki/http'
import { Agent, request } from 'undici'

const connect = createConnector(process.env.ADDRESS, { http2: true })
const dispatcher = new Agent({ connect, allowH2: true })
const { statusCode, body } = await request('http://service/page', { dispatcher })
console.log(statusCode, await body.text())
await dispatcher.close()
