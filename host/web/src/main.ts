// Starts the page. The style comes first, then what the page shows, then what it is connected to.

import "./style/page.css"
import { App } from "./app.js"

new App().start()
