import { follow } from "/static/follow.js";

follow();
