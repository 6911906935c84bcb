import { MantineProvider } from "@mantine/core";
import { QueryCache, QueryClient, QueryClientProvider } from "@tanstack/react-query";
import { lazy } from "react";
import { createBrowserRouter, RouterProvider } from "react-router";
import { isUnauthorized } from "../api/client";
import { keys } from "../api/queries";
import { LoginPage } from "../login/LoginPage";
import { OverviewPage } from "../overview/OverviewPage";
import { Broken, NotFound } from "./Broken";
import { Protected } from "./Protected";
import { theme } from "./theme";

const StorePage = lazy(() => import("../store/StorePage"));
const IncidentsPage = lazy(() => import("../incident/IncidentsPage"));
const IncidentPage = lazy(() => import("../incident/IncidentPage"));
const AlarmsPage = lazy(() => import("../alarms/AlarmsPage"));

const client: QueryClient = new QueryClient({
  queryCache: new QueryCache({
    onError: (error, query) => {
      // A session that ended while a page was open: asking for it again leads to the login.
      if (isUnauthorized(error) && query.queryKey[0] !== keys.session[0])
        void client.invalidateQueries({ queryKey: keys.session });
    },
  }),
  defaultOptions: {
    queries: {
      staleTime: 5_000,
      retry: (count, error) => !isUnauthorized(error) && count < 1,
      refetchOnWindowFocus: true,
    },
  },
});

const router = createBrowserRouter([
  { path: "/login", element: <LoginPage />, errorElement: <Broken /> },
  {
    path: "/",
    element: <Protected />,
    errorElement: <Broken />,
    children: [
      { index: true, element: <OverviewPage /> },
      { path: "stores/:store", element: <StorePage /> },
      { path: "incidents", element: <IncidentsPage /> },
      { path: "incidents/:id", element: <IncidentPage /> },
      { path: "alarms", element: <AlarmsPage /> },
      { path: "*", element: <NotFound /> },
    ],
  },
]);

export function App() {
  return (
    <MantineProvider theme={theme} defaultColorScheme="auto">
      <QueryClientProvider client={client}>
        <RouterProvider router={router} />
      </QueryClientProvider>
    </MantineProvider>
  );
}
