import "./style/tokens.css";
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
