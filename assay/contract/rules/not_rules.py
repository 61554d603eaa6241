"""Sentences with a normative word that are no rules, each with the reason.

A test fails when a sentence of the document is neither here nor quoted by a rule or a contradiction, and when an
entry here has become stale.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

from assay.contract.rules.base import READ_FIRST, Versions


@dataclass(frozen=True, slots=True)
class NotRule:
    """A sentence (or the part of one that no rule quotes) at the JSON pointer of its text, and why it is no rule."""

    pointer: str
    text: str
    reason: str
    versions: Versions = READ_FIRST


def _all(reason: str, *sentences: tuple[str, str]) -> tuple[NotRule, ...]:
    """Sentences for one reason; a place without a leading slash is a schema, relative to ``/components/schemas``."""
    return tuple(NotRule(_pointer(place), text, reason) for place, text in sentences)


def _pointer(place: str) -> str:
    return f"{place}/description" if place.startswith("/") else f"/components/schemas/{place}/description"


NOT_RULES: Final = (
    *_all(
        "It says what the field or the list is for and sets no condition on a request.",
        (
            "Probe/properties/successThreshold",
            "Minimum consecutive successes for the probe to be considered successful after having failed.",
        ),
        ("Probe/properties/failureThreshold", "When a probe fails, the number of times to try before giving up."),
        (
            "ResourcesFlatFieldsPerPod/properties/nodeType",
            "Nodes (machines), or a group of nodes on which the workload will run.",
        ),
        ("Category", "Specify the workload category assigned to the workload."),
        (
            "Category",
            "Categories are used to classify and monitor different types of workloads within the NVIDIA "
            "Run:ai platform.",
        ),
        ("PriorityClass", "You can use this parameter to adjust the workload's scheduling behavior."),
        ("EnvironmentVariableSecret", "Details of the secret and key use to populate the environment variable"),
        ("EnvironmentVariableConfigMap", "Details of the configMap and key use to populate the environment variable"),
        (
            "EnvironmentVariablePodFieldReference",
            "Details of the field-reference and key use to populate the environment variable",
        ),
        (
            "ImagePullSecrets",
            "A list of references to Kubernetes secrets in the same namespace used for pulling container images.",
        ),
        ("ImagePullSecret", "A reference to a secret in the same namespace used to pull container images."),
        (
            "ImagePullSecret/properties/userCredential",
            "Set to true if the secret was created by the user and is only accessible by them.",
        ),
        ("Port/properties/external", "The external port which allows a connection to the container port."),
        ("ExposedUrl/properties/authorizedUsers", "List of users that are allowed to access the URL."),
        ("ExposedUrl/properties/authorizedGroups", "List of groups that are allowed to access the URL."),
        (
            "ComputeFlatFields/properties/gpuMemoryLimit",
            "Limitation on the memory consumed by the workload, per GPU device.",
        ),
        (
            "ComputeFlatFields/properties/cpuCoreLimit",
            "Limitations on the number of CPUs consumed by the workload (0.5, 1, .etc).",
        ),
        (
            "ComputeFlatFields/properties/cpuMemoryLimit",
            "Limitations on the CPU memory to allocate for this workload (1G, 20M, .etc).",
        ),
        ("GpuRequestType", "Stated in terms of portion, memory or  mig profile [deprecated]."),
        (
            "MigProfile",
            "This states the memory profile to be used for the workload running NVIDIA Multi-Instance GPU "
            "(MIG) technology.",
        ),
        ("ExtendedResources", "Extended resources and their quantity."),
        ("ExtendedResource", "Quantity of an extended resource."),
        ("ExtendedResource/properties/quantity", "The requested quantity for the resource."),
        ("DataVolumeItems", "Set of data volumes to use in the workload."),
        ("PvcItems", "Set of pvc persistent volume claims to use in the workload."),
        ("PvcFieldsNonUpdatable/properties/claimName", "Allow referencing it across workloads."),
        ("PvcFieldsNonUpdatable/properties/readOnly", "Permit only read access to PVC."),
        ("PvcFieldsNonUpdatable/properties/ephemeral", "Use `true` to set PVC to ephemeral."),
        (
            "PvcFieldsNonUpdatable/properties/dataSharing",
            "use `true` to share the PVC data to all projects under the selected scope.",
        ),
        (
            "PvcAccessModes/properties/readWriteOnce",
            "Requesting claim that can be mounted in read/write mode to exactly one host.",
        ),
        (
            "PvcAccessModes/properties/readOnlyMany",
            "Requesting claim that can be mounted in read-only mode to many hosts.",
        ),
        ("PvcVolumeMode", "The volume mode required by the claim."),
        ("HostPathItems", "Set of host paths to use in the workload."),
        ("NfsItems", "Set of nfs volumes to use in the workload."),
        ("GitItems", "Set of git repositories to use in the workload."),
        ("GitPassword/properties/secretKeyOfUser", "The key to use for loading the user name from the secret."),
        ("GitPassword/properties/secretKeyOfPassword", "The key to use for loading the password from the secret."),
        ("ConfigMapField", "Set of config map volumes to use in the workload"),
        (
            "ConfigMap/properties/subPath",
            "Path within the volume from which the container's volume should be mounted.",
        ),
        ("SecretItems1", "Set of secret volumes to use in the workload"),
        (
            "EmptyDir/properties/sizeLimit",
            "The total amount of local storage or memory required for the emptyDir volume.",
        ),
        ("SeccompProfileType", "Indicates which kind of seccomp profile will be applied to the container."),
        ("ServingPortAccess/properties/authorizedUsers", "List of users that are allowed to access the URL."),
        ("ServingPortAccess/properties/authorizedGroups", "List of groups that are allowed to access the URL."),
        (
            "AutoScalingCommonFields/properties/metricThresholdPercentage",
            "The percentage of metric threshold value to use for autoscaling.",
        ),
        (
            "AutoScalingCommonFields/properties/initialReplicas",
            "The number of replicas to run when initializing the workload for the first time.",
        ),
        (
            "AutoScalingCommonFields/properties/activationReplicas",
            "The number of replicas to run when scaling-up from zero.",
        ),
        (
            "AutoScalingCommonFields/properties/concurrencyHardLimit",
            "The maximum number of requests allowed to flow to a single replica at any time.",
        ),
        (
            "AutoScalingCommonFields/properties/scaleToZeroRetentionSeconds",
            "The minimum amount of time (in seconds) that the last replica will remain active after a "
            "scale-to-zero decision.",
        ),
        (
            "AutoScalingCommonFields/properties/scaleDownDelaySeconds",
            "The minimum amount of time (in seconds) that a replica will remain active after a scale-down decision",
        ),
        (
            "AutoScalingCommonFields/properties/initializationTimeoutSeconds",
            "The maximum amount of time (in seconds) to wait for the container to become ready.",
        ),
        (
            "AutoScalingMetricFields/properties/metricThreshold",
            "The threshold to use with the specified metric for autoscaling.",
        ),
        ("AutoScalingMetric", "The metric to use for autoscaling."),
        (
            "ServingConfiguration/properties/initializationTimeoutSeconds",
            "The maximum time (in seconds) allowed for a workload to initialize and become ready.",
        ),
        (
            "ServingConfiguration/properties/requestTimeoutSeconds",
            "The maximum time (in seconds) allowed to process an end-user request.",
        ),
        ("InferenceWorkloadMetricType", "Specify which data to request."),
        ("/components/parameters/InferenceWorkloadMetricTypes", "Specify which data to request."),
        ("/paths/~1api~1v1~1workloads~1inferences/post", "Create an inference using container related fields."),
        ("/paths/~1api~1v1~1workloads~1inferences~1{workloadId}/delete", "Delete an inference using a workload id."),
        (
            "/paths/~1api~1v1~1workloads~1inferences~1{workloadId}/get",
            "Retrieve inference details using a workload id.",
        ),
    ),
    *_all(
        "A default: it says what an absent value means, and an absent value is accepted by every rule.",
        (
            "ContainerNonOverridable/properties/workingDir",
            "If not specified, the container runtime default will be used.",
        ),
        ("ImagePullPolicy", "Defaults to `Always` if `:latest` tag is specified, otherwise it is `IfNotPresent`."),
        ("PriorityClass", "Each workload type has a default priority."),
        ("Port/properties/external", "If not specified, the port will be auto-generated by the system.."),
        ("ExposedUrl/properties/url", "If not specified, the URL will be auto-generated by the system.."),
        ("ComputeFlatFields/properties/gpuPortionRequest", "The default is no allocated GPUs."),
        ("GitPassword/properties/secretKeyOfUser", "The default is `User`."),
        ("GitPassword/properties/secretKeyOfPassword", "The default is `Password`."),
        (
            "CommonSecurityNonOverridable/properties/capabilities",
            "Defaults to the default set of capabilities granted by the container runtime.",
        ),
        (
            "CommonSecurityOverridable/properties/runAsUid",
            "Default to the value specified in the environment asset `runAsUid` field (optional).",
        ),
        (
            "CommonSecurityOverridable/properties/runAsGid",
            "Default to the value specified in the environment asset `runAsGid` field (optional).",
        ),
        ("ServingPortProtocol", "The protocol used by the port, defaults to http"),
        ("ServingPortAccess/properties/clusterLocalAccessOnly", "Defaults to false"),
    ),
    *_all(
        "Enforced by a keyword of the schema (required, enum, format, minimum, maximum).",
        ("MatchExpression/properties/key", "The label key that the selector applies to (mandatory)."),
        ("MatchExpressionOperator", "Represents a key's relationship to a set of values (mandatory)."),
        ("PvcVolumeMode", "Choose Filesystem (default) or Block."),
        ("WorkloadId2", "A unique ID of the workload."),
        ("/components/parameters/WorkloadId", "The  Universally Unique Identifier (UUID) of the workload."),
        ("/components/parameters/NumberOfSamples", "The number of samples to take in the specified time range."),
    ),
    *_all(
        "It says what the cluster does with a running workload, which none of the six operations shows.",
        ("/tags/0", "These workloads are prioritized over Trainings and Workspaces during scheduling."),
        (
            "ContainerNonOverridable/properties/createHomeDir",
            "When set to `true`, creates a home directory for the container.",
        ),
        (
            "NodeAffinityRequired",
            "If the affinity requirements specified by this field are not met at scheduling time, the pod "
            "will not be scheduled onto the node.",
        ),
        (
            "NodeAffinityRequired",
            "If the affinity requirements specified by this field cease to be met at some point during "
            "pod execution (e.g. due to an update), the system may or may not try to eventually evict the "
            "pod from its node.",
        ),
        (
            "PodAffinity",
            "Pod affinity scheduling rules (e.g. co-locate this workload in the same node, zone, etc. as "
            "some other workloads).",
        ),
        (
            "NodeRelatedFlatFields/properties/nodePools",
            "A prioritized list of node pools for the scheduler to run the workload on.",
        ),
        (
            "NodeRelatedFlatFields/properties/nodePools",
            "The scheduler will always try to use the first node pool before moving to the next one if "
            "the first is not available.",
        ),
        (
            "ComputeFlatFields/properties/gpuMemoryRequest",
            "Note that the workload will not be scheduled unless the system can guarantee this amount of "
            "GPU memory to the workload.",
        ),
        (
            "ComputeFlatFields/properties/cpuCoreRequest",
            "Note that the workload will not be scheduled unless the system can guarantee this amount of "
            "CPUs to the workload.",
        ),
        (
            "ComputeFlatFields/properties/cpuMemoryRequest",
            "Note that the workload will not be scheduled unless the system can guarantee this amount of "
            "memory to the workload",
        ),
        (
            "ComputeFlatFields/properties/cpuMemoryLimit",
            "The workload will receive an error when trying to allocate more memory than this limit.",
        ),
        (
            "PvcFieldsNonUpdatable/properties/ephemeral",
            "If set to `true`, the PVC will be deleted when the workload is stopped.",
        ),
        ("HostPath/properties/readOnly", "Force the volume to be mounted with read-only permissions."),
        (
            "HostPathMountPropagation",
            "If set to HostToContainer, this volume mount will receive all subsequent mounts that are "
            "mounted to this volume or any of its subdirectories.",
        ),
        ("Nfs/properties/readOnly", "Force the NFS export to be mounted with read-only permissions."),
        (
            "CommonSecurityNonOverridable/properties/readOnlyRootFilesystem",
            "If true, mounts the container's root filesystem as read-only.",
        ),
        (
            "ServingPortAccess/properties/clusterLocalAccessOnly",
            "Configure the serving port URL to be available only on the cluster-local network, and not externally.",
        ),
        (
            "ServingConfiguration/properties/initializationTimeoutSeconds",
            "If the workload does not start within this time, it will be moved to failed state.",
        ),
        (
            "ServingConfiguration/properties/requestTimeoutSeconds",
            "If no response is returned within this time, the request will be ignored.Supported from "
            "Cluster version 2.22",
        ),
    ),
    *_all(
        "It depends on the version, the policy or the resources of a target, which no request shows.",
        ("ContainerNonOverridable/properties/workingDir", "This may be configured in the container image."),
        (
            "ResourcesFlatFieldsPerPod/properties/nodeType",
            "To use this feature, your Administrator will need to label nodes.",
        ),
        (
            "ResourcesFlatFieldsPerPod/properties/nodeType",
            "When using this flag with with Project-based affinity, it refines the list of allowable node "
            "groups set in the Project.",
        ),
        (
            "ClaimInfo/properties/storageClass",
            "This parameter may be omitted if there is a single storage class in the system, or you are "
            "using the default storage class.",
        ),
        (
            "PvcAddedAttrValues",
            "an optional array of key-values pairs that are written as annotations on the created PVC. "
            "the allowed attributes are determined according to the storage class configuration (see "
            "k8s-objects-tracker for further info).",
        ),
        (
            "GitPassword/properties/passwordSecret",
            "Secret containing the credentials of the repository (needed for non public repository which "
            "requires authentication).",
        ),
        ("ServingPortAccessAuthorizationTypeEnum", "Supported from cluster version 2.19."),
        (
            "/components/parameters/InferencePodMetricTypes",
            "Inference metrics are only available for inference workloads.",
        ),
        (
            "/paths/~1api~1v1~1workloads~1inferences~1{workloadId}~1metrics/get",
            "Supported from control-plane version 2.18 or later.",
        ),
        (
            "/paths/~1api~1v1~1workloads~1inferences~1{workloadId}~1pods~1{podId}~1metrics/get",
            "Supported from control-plane version 2.18 or later.",
        ),
    ),
    *_all(
        "It speaks of assets, other endpoints or other documents, which are outside of this contract.",
        (
            "ContainerNonOverridable",
            "In the context of assets,these are environment asset fields that cannot be overriden in the "
            "submit workload request.",
        ),
        (
            "ResourcesFlatFieldsPerPod/properties/nodeType",
            "For more information, see [Group "
            "Nodes](https://run-ai-docs.nvidia.com/self-hosted/2.22/admin/researcher-setup/limit-to-node-group).",
        ),
        (
            "PriorityClass",
            "To view the default priority for each workload type, use the GET /workload-types endpoint.",
        ),
        (
            "CommonSecurityNonOverridable",
            "In the context of assets,these are environment asset fields that cannot be overriden in the "
            "submit workload request.",
        ),
        ("UidGidSource", "This option is intended for internal use of the environment UI form."),
    ),
    *_all(
        "The values are the schema's enum; the one that is not supported is a contradiction of its own.",
        (
            "SeccompProfileType",
            "The options are a. `RuntimeDefault` - the container runtime default profile should be used. "
            "b. `Unconfined` - no profile should be applied. c. `Localhost` is not yet supported by "
            "Run:ai.",
        ),
    ),
    *_all(
        "It speaks of answers, which the behaviour checks judge (names, statuses, bodies).",
        (
            "WorkloadCreationMeta1/properties/useGivenNameAsPrefix",
            "When true, the requested name will be treated as a prefix.",
        ),
        (
            "WorkloadCreationMeta1/properties/useGivenNameAsPrefix",
            "The final name of the workload will be composed of the name followed by a random set of characters.",
        ),
        (
            "WorkloadMeta1/properties/requestedName",
            "If useGivenNameAsPrefix, in the creation request, is false, name and requestedName should be identical.",
        ),
        (
            "WorkloadMeta1/properties/requestedName",
            "Otherwise, name should be composed of requestedName followed by a suffix of random characters.",
        ),
        ("/components/responses/403Forbidden", "Forbidden"),
        ("/components/responses/202Accepted", "Accepted."),
        ("/components/responses/404NotFound", "The specified resource was not found"),
    ),
)
