// Starts the page: first the style, then the parts of the page, then the connection.

import "./style/page.css"
import { App } from "./app.js"

new App().start()
