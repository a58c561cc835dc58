import { coldStart } from '../../suite/cold.js'

export default {
  async fetch() {
    return Response.json(await coldStart(() => import('nopki')))
  },
}
