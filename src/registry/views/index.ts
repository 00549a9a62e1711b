export { createViews, type ViewOptions } from "./views.ts";
