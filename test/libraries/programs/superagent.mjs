// superagent, with web; prints 200 GET /page

import { createAgent } from 'nopki/http'
import request from 'superagent'

const agent = createAgent(process.env.ADDRESS)
const { status, text } = await request.get('http://service/page').agent(agent)
console.log(status, text)
agent.destroy()
