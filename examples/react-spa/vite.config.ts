import react from "@vitejs/plugin-react";
import { defineConfig } from "vite";

export default defineConfig({
  plugins: [react()],
  // The port is part of the origin that the server allows: rather fail than take another.
  server: { port: 3000, strictPort: true },
});
