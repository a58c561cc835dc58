// node:http and node:https, with web; prints GET /page GET /page
import http from 'node:http'
import https from 'node:https'
import { text } from 'node:stream/consumers'
import { createAgent } from 'nopki/http'

const agent = createAgent(process.env.ADDRESS)
const get = (over, url) => new Promise(resolve => over.get(url, { agent }, resolve)).then(text)
console.log(await get(http, 'http://service/page'), await get(https, 'https://service/page'))
agent.destroy()
