import { coldStart } from '../../suite/cold.js'
import { post } from './post.js'

post(await coldStart(() => import('nopki')))
