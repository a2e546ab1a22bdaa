import "./style/tokens.css";
import "./style/controls.css";
import "./style/blocks.css";
import "./style/shell.css";
import "./style/workspace.css";
import "./style/preview.css";
import { createRoot } from "react-dom/client";
import { Shell } from "./shell/shell";
import { listen } from "./store/live";
import { Store } from "./store/store";
import { StoreContext } from "./store/use";

const store = new Store();
listen(store);

createRoot(document.getElementById("root")!).render(
  <StoreContext.Provider value={store}>
    <Shell />
  </StoreContext.Provider>,
);
