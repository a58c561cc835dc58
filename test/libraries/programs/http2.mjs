// node:http2, with h2; prints GET /page over 2.0
import http2 from 'node:http2'
import { text } from 'node:stream/consumers'
import { connectSocket } from 'nopki'

const session = http2.connect('http://service', { createConnection: () => connectSocket(process.env.ADDRESS) })
console.log(await text(session.request({ ':path': '/page' })))
session.close()
