/** What is used of Swagger UI, whose package has no types. */

declare module "swagger-ui-dist/swagger-ui-es-bundle.js" {
  interface Options {
    readonly dom_id: string;
    readonly url: string;
    readonly validatorUrl: null;
    readonly deepLinking: boolean;
    readonly docExpansion: "list" | "full" | "none";
    readonly defaultModelsExpandDepth: number;
    readonly defaultModelExpandDepth: number;
    readonly defaultModelRendering: "example" | "model";
    readonly displayRequestDuration: boolean;
    readonly filter: boolean;
    readonly tryItOutEnabled: boolean;
    readonly persistAuthorization: boolean;
    readonly syntaxHighlight: { readonly activated: boolean; readonly theme: string };
    readonly onComplete: () => void;
  }

  interface Reader {
    /** Takes bearer keys as well. */
    preauthorizeApiKey(scheme: string, key: string): void;
  }

  export default function SwaggerUI(options: Options): Reader;
}
