// node-fetch, with web; prints 200 GET /page
import fetch from 'node-fetch'
import { createAgent } from 'nopki/http'

const agent = createAgent(process.env.ADDRESS)
const response = await fetch('http://service/page', { agent })
console.log(response.status, await response.text())
agent.destroy()
