import { getRouteApi } from "@tanstack/react-router";
import { Nothing } from "../../components/Nothing";
import { Page } from "../../components/Page";
import { ReadState } from "../../components/states";
import { useJobTypes } from "../../queries";
import { SubmitForm } from "./SubmitForm";

const route = getRouteApi("/submit");

export function SubmitPage() {
  const { job_type } = route.useSearch();
  const jobTypes = useJobTypes();
  return (
    <Page title="Submit a job">
      <ReadState query={jobTypes} what="The job types">
        {(known) =>
          known.length > 0 ? (
            <SubmitForm jobTypes={known} asked={job_type} />
          ) : (
            <Nothing icon="queue" title="This scheduler knows no job types" />
          )
        }
      </ReadState>
    </Page>
  );
}
